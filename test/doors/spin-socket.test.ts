import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Doorway } from '../../src/control/doorway.ts';
import type { Listeners } from '../../src/control/listeners.ts';
import { silentLog } from '../../src/log.ts';
import { spinEntrance } from '../../src/mqtt/spin/entrance.ts';
import { Spoiler } from '../property/spoil.ts';
import { PATIENCE_MS, RUBBISH, withstands } from '../support/rubbish.ts';
import { spinHouse, transcript } from '../unit/mqtt/spin/spin-house.ts';

const MAX = 50;
const DEVICES = '{"jsonrpc":"2.0","id":1,"method":"list_devices"}';
/** Nobody counts here. */
const listeners: Listeners = {
  open: () => ({
    follow: () => ({ state: '', purpose: '' }),
    refused: () => undefined,
    gaveWay: () => undefined,
    close: () => undefined,
  }),
};

let folder: string;
let path: string;
let door: Doorway;
const open = new Set<Socket>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-spin-'));
  path = join(folder, 'spin.sock');
  const house = spinHouse();
  door = new Doorway({
    name: 'spin',
    addresses: [path],
    maxConnections: MAX,
    listeners,
    clock: systemClock,
    log: silentLog,
    open: async () => spinEntrance(house.rpc, systemClock),
  });
  await door.start(new AbortController().signal);
});

afterEach(async () => {
  for (const socket of open) socket.destroy();
  open.clear();
  await door.stop();
  await rm(folder, { recursive: true, force: true });
});

function connect(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path, () => resolve(socket));
    open.add(socket);
    socket.on('error', reject);
  });
}

/** All that is said until the other side closes. */
async function answerOf(socket: Socket): Promise<string> {
  let text = '';
  for await (const bytes of socket.setEncoding('utf8')) text += bytes;
  return text;
}

async function ask(...parts: string[]): Promise<string> {
  const socket = await connect();
  const answer = answerOf(socket);
  for (const part of parts) {
    socket.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return answer;
}

describe('SPIN’s unix socket', () => {
  it('answers one request per connection as soon as it is whole, with a line, and closes', async () => {
    const answer = await ask(DEVICES);
    expect(answer.endsWith('\n')).toBe(true);
    expect(JSON.parse(answer)).toMatchObject({ id: 1, result: { length: 2 } });
    expect(await ask(DEVICES.slice(0, 20), DEVICES.slice(20), '\n', DEVICES)).toBe(answer);
    expect(await ask('{"jsonrpc":"2.0","method":"reset_iplist_ignore"}')).toBe('');
    expect(await ask('rubbish')).toContain('Wrong JSON-RPC version');
  });

  it('answers who closes its side after the request, or says only half of one', async () => {
    for (const [said, wanted] of [
      [DEVICES, '"result"'],
      [DEVICES.slice(0, 20), '"error"'],
    ] as const) {
      const socket = await connect();
      socket.end(said);
      expect(await answerOf(socket)).toContain(wanted);
    }
  });

  it('does not freeze on clients that say nothing, say little, or do not listen', async () => {
    for (let n = 0; n < 10; n++) await connect();
    for (let n = 0; n < 10; n++) (await connect()).write('{');
    for (let n = 0; n < 10; n++)
      (await connect()).write('{"jsonrpc":"2.0","id":1,"method":"list_rpc_methods"}');
    const began = performance.now();
    for (let n = 0; n < 20; n++) expect(await ask(DEVICES)).toContain('"result"');
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it('turns away what is beyond its cap, and is well when the flood is over', async () => {
    const flood = Array.from({ length: 500 }, async () => {
      try {
        return await ask(DEVICES);
      } catch {
        return 'refused';
      }
    });
    const answers = await Promise.all(flood);
    expect(answers.filter((answer) => answer.includes('"result"')).length).toBeGreaterThan(0);
    expect(await ask(DEVICES)).toContain('"result"');
    const endless = await connect();
    const closed = new Promise((resolve) => endless.once('close', resolve));
    const flow = () => {
      while (!endless.destroyed && endless.write(' '.repeat(65_536)));
    };
    endless.on('drain', flow).resume();
    flow();
    await closed;
    expect(await ask(DEVICES)).toContain('"result"');
  });

  it('answers spoilt requests or hangs up, and everybody else too', { timeout: PATIENCE_MS }, async () => {
    const spoiler = new Spoiler(Number(process.env.FAST_CHECK_SEED ?? 20261121) || 1);
    const requests = transcript('rpc_transcript_1.txt').map(({ request }) => Buffer.from(request));
    let answered = 0;
    const say = () =>
      new Promise<void>((resolve) => {
        const socket = createConnection(path);
        const said = spoiler.bytes(requests);
        socket.on('error', () => socket.destroy()).on('close', () => resolve());
        socket.once('data', () => {
          answered += 1;
        });
        // Some go before they have the answer, some say it in two parts.
        const how = spoiler.number(4);
        if (how === 0) socket.write(said, () => socket.destroy());
        else if (how === 1) socket.write(said.subarray(0, 9), () => socket.end(said.subarray(9)));
        else socket.end(said);
      });
    const batch = async () => {
      await Promise.all(Array.from({ length: MAX - 10 }, say));
      return MAX - 10;
    };
    const honest = async () => expect(await ask(DEVICES)).toContain('"result"');
    // As many again come by a way without sockets: test/property/spin-rubbish.
    await withstands(honest, batch, { count: RUBBISH / 2, pauseMs: 50 });
    expect(answered).toBeGreaterThan(RUBBISH / 4);
  });
});
