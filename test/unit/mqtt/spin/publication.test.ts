import { describe, expect, it } from 'vitest';
import type { Moved, Recent } from '../../../../src/control/recent.ts';
import { SpinPublication } from '../../../../src/mqtt/spin/publication.ts';
import { allWrongIn, wrongIn } from '../../../support/mqtt-schemas.ts';
import { answer } from '../../../support/parts.ts';
import { recorded, type SpinHouse, shapeOf, spinHouse } from './spin-house.ts';

/** The flows that a message on traffic tells of. */
const flowsOf = (traffic: readonly Said[]) =>
  (traffic[0]?.result.flows ?? []) as { readonly from: number; readonly to: number }[];

/** Arrays that were empty when they were recorded say nothing of what is in them. */
const filled = (one: Said): Said =>
  one.result !== undefined && 'ips' in one.result
    ? { ...one, result: { ...one.result, ips: [''], domains: [''] } }
    : one;

type Said = { readonly command: string; readonly result: Record<string, unknown> };

/** A publication and what it says when time goes on. */
function spinning(house: SpinHouse) {
  const publication = new SpinPublication({
    methods: house.methods,
    rpc: house.rpc,
    clock: house.clock,
  });
  let retained: ReadonlyMap<string, string> = new Map();
  const turn = async (recent: Partial<Recent> = {}) => {
    const versions = { nodes: 0, policies: house.replica.liveVersion, peers: 0 };
    const news = { moved: [], dropped: [], asked: [], happenings: [], missed: 0, versions, ...recent };
    const said = await publication.turn(news, new AbortController().signal);
    expect(allWrongIn(said.messages, said.retained)).toEqual([]);
    house.clock.advance(1_000);
    retained = said.retained ?? retained;
    const on = (topic: string) =>
      said.messages
        .filter((message) => message.topic === topic)
        .map(({ payload }) => JSON.parse(payload) as Said);
    return {
      ...said,
      on,
      traffic: on('SPIN/traffic').filter(({ command }) => command === 'traffic'),
      blocked: on('SPIN/traffic').filter(({ command }) => command === 'blocked'),
      admin: on('SPIN/traffic/admin'),
    };
  };
  const nodes = () => new Map([...retained].map(([topic, text]) => [topic, JSON.parse(text) as Said]));
  return { publication, turn, nodes };
}

const moved = (device: string, other: string, more: Partial<Moved> = {}): Moved => ({
  device,
  other,
  otherIsDevice: false,
  protocol: 6,
  port: 443,
  up: { packets: 2, bytes: 200 },
  down: { packets: 3, bytes: 2 ** 33 },
  began: 1,
  ignored: false,
  ...more,
});

/** The samples of what SPIN published, by topic without numbers and command. */
function samples(): Map<string, Said[]> {
  const found = new Map<string, Said[]>();
  for (const line of recorded('mqtt_samples.txt').slice(1)) {
    const [retain, topic = '', payload = ''] = line.split('\t');
    expect(retain).toBe('0');
    if (payload === '') continue;
    const said = JSON.parse(payload) as Said;
    const key = `${topic.replace(/\d+$/, '')} ${said.command}`;
    found.set(key, [...(found.get(key) ?? []), said]);
  }
  return found;
}

describe('what is published', () => {
  it('has the shape of SPIN’s samples', async () => {
    const house = spinHouse();
    const { alice, bob, cloud } = house;
    const { turn, nodes } = spinning(house);
    const other = house.at('203.0.113.50');
    for (const list of ['block', 'allow', 'ignore'])
      await house.ask('add_iplist_ip', { list, ip: `203.0.113.${list.length}` });
    const said = await turn({
      moved: [moved(alice, cloud), moved(bob, other, { protocol: 1, port: 8 })],
      dropped: [{ device: alice, other: cloud, packets: 7, bytes: 700 }],
      asked: [{ device: alice, domain: 'cloud.example.com', node: cloud }],
    });
    const all = [
      ...said.messages.map(({ topic, payload }) => ({ topic, said: JSON.parse(payload) as Said })),
      ...[...nodes()].map(([topic, one]) => ({ topic, said: one })),
    ];
    expect(said.messages.filter(({ retain }) => retain === true)).toEqual([]);
    const wanted = samples();
    const compared = new Set<string>();
    for (const { topic, said: one } of all) {
      const key = `${topic.replace(/\d+$/, '')} ${one.command}`;
      const shapes = (wanted.get(key) ?? []).map((sample) => JSON.stringify(shapeOf(filled(sample))));
      if (shapes.length === 0) expect(one).toEqual({ command: 'serverRestart' });
      else {
        if (key.includes('/node/'))
          expect(one.result).toMatchObject({ ips: expect.any(Array), domains: expect.any(Array) });
        expect(shapes, key).toContain(JSON.stringify(shapeOf(filled(one))));
      }
      compared.add(key);
    }
    for (const name of ['traffic', 'dnsquery', 'blocked', 'block', 'ignore', 'allow', 'serverRestart'])
      expect(compared).toContain(`SPIN/traffic ${name}`);
    expect(compared).toContain('SPIN/traffic/node/ nodeInfo');
    // The kernel's counters know no 32 bits.
    expect(said.traffic[0]?.result).toMatchObject({ total_size: 2 * (200 + 2 ** 33), total_count: 10 });
  });

  it('nodes are retained before a flow refers to them, with lists in every case', async () => {
    const house = spinHouse();
    const { turn, nodes } = spinning(house);
    const { retained, traffic } = await turn({ moved: [moved(house.alice, house.at('198.51.100.1'))] });
    const [flow] = flowsOf(traffic);
    expect(retained?.has(`SPIN/traffic/node/${flow?.from}`)).toBe(true);
    expect(nodes().get(`SPIN/traffic/node/${flow?.to}`)?.result).toMatchObject({
      id: flow?.to,
      ips: ['198.51.100.1'],
      domains: [],
    });
    // Both devices, whether or not anything of them moved.
    expect([...nodes().values()].filter(({ result }) => 'mac' in result)).toHaveLength(2);
  });

  it('nothing is said while nothing happens, and of the same node not every second', async () => {
    const house = spinHouse();
    const { turn } = spinning(house);
    const flow = { moved: [moved(house.alice, house.cloud)] };
    await turn(flow);
    house.cache.apply({
      kind: 'answer',
      domain: 'cloud.example.com',
      chain: [],
      addresses: ['203.0.113.10'],
      ttlS: 60,
    });
    expect(await turn(flow)).toMatchObject({ retained: undefined, traffic: [{ command: 'traffic' }] });
    expect(await turn()).toMatchObject({ retained: undefined, messages: [] });
  });

  it('what nobody counts is no traffic, nor is what is ignored or has no number', async () => {
    const house = spinHouse();
    const { turn } = spinning(house);
    const nobody = 'f'.repeat(32);
    const flows = [
      moved(house.alice, house.cloud, { ignored: true }),
      moved(house.alice, 'internet'),
      moved(house.alice, nobody),
    ];
    const { traffic, messages } = await turn({ moved: flows });
    expect(traffic).toEqual([]);
    expect(messages.every(({ payload }) => !payload.includes('null'))).toBe(true);
  });

  it('a merge is told with both numbers, a node that is gone with its own', async () => {
    const house = spinHouse();
    answer(house, 'late.example.org', '203.0.113.41');
    const late = house.cache.remoteByDomain('late.example.org') ?? '';
    const bare = house.at('203.0.113.40');
    const { turn, nodes } = spinning(house);
    await turn({ moved: [moved(house.alice, late), moved(house.alice, bare)] });
    const [to, from] = [house.aliases.has(late), house.aliases.has(bare)];
    expect(nodes().has(`SPIN/traffic/node/${from}`)).toBe(true);
    house.classes.push([late, bare]);
    const merged = await turn({ moved: [moved(house.alice, bare)] });
    expect(merged.admin).toEqual([{ command: 'nodeMerged', result: { id: from, 'merged-to': to } }]);
    expect(nodes().has(`SPIN/traffic/node/${from}`)).toBe(false);
    expect(merged.traffic[0]?.result.flows).toMatchObject([{ to }]);
    expect((await turn()).admin).toEqual([]);
    // Taken apart again: the number is the old one.
    house.classes.length = 0;
    const happenings = [{ kind: 'node.split' as const, id: bare, from: late, at: '' }];
    const split = await turn({ moved: [moved(house.alice, bare)], happenings });
    expect(split.traffic[0]?.result.flows).toMatchObject([{ to: from }]);
    expect(nodes().has(`SPIN/traffic/node/${from}`)).toBe(true);
    expect(nodes().has(`SPIN/traffic/node/${to}`)).toBe(true);
    house.clock.advance(40 * 60_000);
    house.cache.sweep();
    house.clock.advance(8 * 86_400_000);
    house.cache.sweep();
    const gone = await turn();
    expect(gone.admin).toContainEqual({ command: 'nodeDeleted', result: { id: from } });
    expect(nodes().has(`SPIN/traffic/node/${from}`)).toBe(false);
  });

  it('lists are told when they change, nodes with them', async () => {
    const house = spinHouse();
    const { turn, nodes } = spinning(house);
    await turn({ moved: [moved(house.alice, house.cloud)] });
    const cloud = house.aliases.has(house.cloud);
    await house.ask('add_iplist_node', { list: 'block', node: cloud });
    const { on } = await turn();
    expect(on('SPIN/traffic')).toEqual([{ command: 'block', result: ['203.0.113.10', '2001:db8:cafe::10'] }]);
    expect(nodes().get(`SPIN/traffic/node/${cloud}`)?.result).toMatchObject({ is_blocked: true });
    await house.ask('remove_iplist_node', { list: 'block', node: cloud });
    expect((await turn()).on('SPIN/traffic')).toEqual([{ command: 'block', result: [] }]);
    expect(nodes().get(`SPIN/traffic/node/${cloud}`)?.result).not.toHaveProperty('is_blocked');
  });

  it('drops are told once a second, gathered, each pair in its turn, and few wait', async () => {
    const house = spinHouse();
    const { turn } = spinning(house);
    const drop = (device: string, other: string) => ({ device, other, packets: 1, bytes: 32 });
    const many = Array.from({ length: 5_000 }, () => drop(house.alice, house.cloud));
    const first = await turn({ dropped: [...many, drop(house.bob, house.cloud), drop('home', house.cloud)] });
    expect(first.blocked).toMatchObject([{ result: { size: 160_000, count: 5_000 } }]);
    const second = await turn({ dropped: [drop(house.bob, house.cloud)] });
    expect(second.blocked).toMatchObject([{ result: { from: house.aliases.has(house.bob), count: 2 } }]);
    expect((await turn()).blocked).toEqual([]);
  });

  it('a restart is told at the first turn and after having been away', async () => {
    const house = spinHouse();
    const { turn } = spinning(house);
    const told = async () => (await turn()).on('SPIN/traffic').map(({ command }) => command);
    const anew = ['serverRestart', 'block', 'ignore', 'allow'];
    expect([await told(), await told()]).toEqual([anew, []]);
    house.clock.advance(60_000);
    expect([await told(), await told()]).toEqual([anew, []]);
  });

  it('of a crowd as many as there is room for: the rest follows, and none is spoken of before', async () => {
    const house = spinHouse();
    const { turn } = spinning(house);
    const others = Array.from({ length: 700 }, (_, n) => house.at(`198.51.${n >> 8}.${n & 255}`));
    const flows = others.map((other) => moved(house.alice, other));
    const first = await turn({ moved: flows });
    const count = first.retained?.size ?? 0;
    expect(count).toBeLessThanOrEqual(502);
    for (const { to } of flowsOf(first.traffic))
      expect(first.retained?.has(`SPIN/traffic/node/${to}`)).toBe(true);
    expect((await turn({ moved: flows })).retained?.size).toBe(702);
  });

  it('counters are told now and then, in SPIN’s shape, and grow', async () => {
    const house = spinHouse();
    const { turn } = spinning(house);
    const told: { topic: string; payload: string }[] = [];
    for (let n = 0; n < 20; n++)
      told.push(
        ...(await turn({ moved: [moved(house.alice, house.cloud)] })).messages.filter(({ topic }) =>
          topic.startsWith('SPIN/stat/'),
        ),
      );
    const [sample] = [...samples()].flatMap(([topic, said]) => (topic.startsWith('SPIN/stat') ? said : []));
    for (const { topic, payload } of told) {
      const { module, name } = JSON.parse(payload);
      expect(topic).toBe(`SPIN/stat/${module}/${name}`);
      expect(shapeOf(JSON.parse(payload))).toEqual(shapeOf(sample));
    }
    expect(told.filter(({ topic }) => topic.endsWith('chan-publish'))).toHaveLength(2);
  });
});

describe('the documented schemas', () => {
  it('have what SPIN itself said', () => {
    const lines = recorded('mqtt_samples.txt').slice(1);
    const said = lines
      .map((line) => line.split('\t'))
      .map(([, topic = '', payload = '']) => ({ topic, payload }));
    expect(allWrongIn(said.filter(({ payload }) => payload !== ''))).toEqual([]);
  });

  it('have nothing else', () => {
    const topic = 'SPIN/traffic';
    const wrong = (command: object, on = topic) => wrongIn({ topic: on, payload: JSON.stringify(command) });
    expect(wrong({ command: 'serverRestart' })).toBeUndefined();
    expect(wrong({ command: 'serverRestart', more: 1 })).toBeDefined();
    expect(wrong({ command: 'restart' })).toBeDefined();
    const node = { id: 1, lastseen: 0, ips: [], domains: [] };
    expect(wrong({ command: 'nodeInfo', result: node }, `${topic}/node/1`)).toBeUndefined();
    expect(wrong({ command: 'nodeInfo', result: { ...node, ips: {} } }, `${topic}/node/1`)).toBeDefined();
    expect(wrong({ command: 'nodeMerged', result: { id: 1 } }, `${topic}/admin`)).toBeDefined();
    expect(wrongIn({ topic: 'SPIN/other', payload: '{}' })).toBe('SPIN/other is not documented');
  });
});

describe('what is heard', () => {
  it('is answered on SPIN/jsonrpc/a; what a broker kept and what wants no answer is not', async () => {
    const house = spinHouse();
    const { publication } = spinning(house);
    const [hears] = publication.hears;
    const topic = 'SPIN/jsonrpc/q';
    const payload = '{"jsonrpc":"2.0","id":7,"method":"get_flow_block"}';
    expect(await hears?.on({ topic, payload, retain: false })).toEqual([
      { topic: 'SPIN/jsonrpc/a', payload: '{"jsonrpc":"2.0","id":7,"result":[]}' },
    ]);
    expect(await hears?.on({ topic, payload, retain: true })).toEqual([]);
    const silent = '{"jsonrpc":"2.0","method":"reset_iplist_ignore"}';
    expect(await hears?.on({ topic, payload: silent, retain: false })).toEqual([]);
    const refused = (await hears?.on({ topic, payload: 'rubbish', retain: false })) ?? [];
    expect(refused).toHaveLength(1);
    expect(allWrongIn([{ topic, payload }, ...refused])).toEqual([]);
  });
});
