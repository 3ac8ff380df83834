import { describe, expect, it } from 'vitest';
import { ALICE, recorded, type SpinHouse, shapeOf, spinHouse, transcript } from './spin-house.ts';

/** The numbers of the nodes in a recording. */
function numbered(nodes: (house: SpinHouse) => Readonly<Record<number, string>>): SpinHouse {
  const house = spinHouse();
  for (const [number, id] of Object.entries(nodes(house))) house.aliases.restore(Number(number), id);
  return house;
}

/** Requests to which another answer is right, and why. */
const OTHERWISE: Readonly<Record<string, string>> = {
  // On one pair the newest of block and allow stands, so a node is never on both lists.
  '{"jsonrpc": "2.0", "id": 1, "method": "get_device_data", "params": {"node": 4}}#2': 'is_excepted alone',
};

describe('the recorded transcripts', () => {
  it('looking: every answer has the shape of the one that SPIN gave', async () => {
    const house = numbered(({ cloud, alice, bob, at }) => ({
      1: cloud,
      2: alice,
      5: bob,
      6: at('203.0.113.20'),
      7: at('203.0.113.40'),
      8: at('192.168.8.1'),
    }));
    const { alice, bob, at, sees } = house;
    sees(alice, at('203.0.113.20'), 1, 8, 4, 336);
    sees(alice, at('192.168.8.1'), 17, 53, 4, 364);
    sees(alice, at('203.0.113.40'), 6, 80, 32, 201_964);
    sees(bob, at('203.0.113.40'), 6, 80, 32, 201_964);
    sees(bob, at('192.168.8.1'), 17, 53, 2, 180);
    const exchanges = transcript('rpc_transcript_1.txt');
    expect(exchanges.length).toBeGreaterThan(15);
    for (const { request, answer } of exchanges) {
      const given = JSON.parse(await house.rpc(request, 'test'));
      const wanted = JSON.parse(answer);
      if (wanted.error === undefined) expect(shapeOf(given), request).toEqual(shapeOf(wanted));
      else expect(given, request).toEqual(wanted);
    }
  });

  it('list_rpc_methods is what SPIN says, to the letter', async () => {
    const house = spinHouse();
    expect(await house.ask('list_rpc_methods')).toEqual(JSON.parse(recorded('rpc_methods.json').join('\n')));
  });

  it('changing: the same answers, but for when somebody was last seen', async () => {
    const house = numbered(({ alice, at }) => ({
      2: alice,
      4: at('203.0.113.50'),
      5: at('192.168.8.1'),
      7: at('203.0.113.40'),
    }));
    // It was blocked when the recording began.
    await house.ask('set_flow_block', { node1: 7, node2: 2, block: 1 });
    const times = new Map<string, number>();
    for (const { request, answer } of transcript('rpc_transcript_2.txt')) {
      const at = (times.get(request) ?? 0) + 1;
      times.set(request, at);
      const given = timeless(await house.rpc(request, 'test'));
      if (`${request}#${at}` in OTHERWISE) {
        const { result } = timeless(answer) as { result: object };
        expect(given).toEqual({ jsonrpc: '2.0', id: 1, result: { ...result, is_blocked: undefined } });
      } else expect(given, request).toEqual(timeless(answer));
    }
  });

  it('errors in SPIN’s words, with and without an id', async () => {
    const house = numbered(({ alice, at }) => ({ 2: alice, 7: at('203.0.113.40') }));
    await house.ask('set_flow_block', { node1: 2, node2: 7, block: 1 });
    for (const { request, answer } of transcript('rpc_transcript_errors.txt'))
      expect(await house.rpc(request, 'test'), request).toBe(answer);
    for (const rubbish of ['', 'null', '[]', '{', '"x"', '{"jsonrpc":2}', `{"a":"${'x'.repeat(70_000)}"}`]) {
      expect(JSON.parse(await house.rpc(rubbish, 'test'))).toEqual({
        jsonrpc: '2.0',
        error: { code: 1, message: 'Wrong JSON-RPC version, expected 2.0' },
      });
    }
  });

  it('over MQTT and HTTP the same', async () => {
    const house = numbered(({ alice, bob }) => ({ 2: alice, 5: bob }));
    const [question = '', answer = ''] = recorded('rpc_over_mqtt.txt').map((line) => line.split(' ')[1]);
    expect(await house.rpc(question, 'test')).toBe(answer);
    await house.ask('set_device_name', { node: 2, name: 'Alice phone' });
    const body = recorded('http_transcript.txt').find((line) => line.includes('Alice phone')) ?? '';
    const given = await house.rpc('{"jsonrpc":"2.0","id":43,"method":"list_devices"}', 'test');
    expect(timeless(given)).toEqual(timeless(body));
    expect(shapeOf(JSON.parse(given))).toEqual(shapeOf(JSON.parse(body)));
  });
});

function timeless(text: string): unknown {
  return JSON.parse(text, (key, value) => (key === 'lastseen' ? 0 : value));
}

describe('the older names', () => {
  it('do what the newer ones do, and are not listed', async () => {
    const house = numbered(({ alice, at }) => ({ 2: alice, 7: at('203.0.113.40') }));
    expect(await house.ask('blockflow', { node1: 2, node2: 7, block: 1 })).toMatchObject({ result: 0 });
    expect(await house.ask('get_blockflow')).toMatchObject({ result: [{ node1: 2, node2: 7 }] });
    for (const [list, name] of ['block', 'ignore', 'allow'].entries()) {
      await house.ask('spindlist', { list, addrem: 0, node: 7 });
      expect(await house.ask('list_iplist', { list: name })).toMatchObject({ result: ['203.0.113.40'] });
      await house.ask('spindlist', { list, addrem: 1, node: 7 });
      expect(await house.ask('list_iplist', { list: name })).toMatchObject({ result: [] });
    }
    expect(await house.ask('spindlist', { list: 3, addrem: 0, node: 7 })).toHaveProperty('error.code', -1);
    expect(await house.ask('spindlist', { list: 0, addrem: 0, node: 99 })).toHaveProperty('error.code', -2);
  });

  it('a device of an unknown MAC is said so, one of another spelling is found', async () => {
    const house = spinHouse();
    const flows = (device: string) => house.ask('list_device_flows', { device });
    expect(await flows(ALICE.toUpperCase())).toMatchObject({ result: [] });
    expect(await flows('alice')).toMatchObject({ error: { message: 'Device not found' } });
  });
});
