import { connect } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import type { Rights } from '../../src/mqtt/embedded/rights.ts';
import { Spoiler } from '../property/spoil.ts';
import { PATIENCE_MS, RUBBISH, withstands } from '../support/rubbish.ts';
import { embeddedWorld, heard, PASSWORD } from './embedded-world.ts';
import { quickClock, say, talk } from './rubbish-packets.ts';

const SEED = Number(process.env.FAST_CHECK_SEED ?? 20261121) || 1;
const NOTHING = new Uint8Array();
const PACKETS = 5;
const CONNECTIONS = 100;
const isAnswered = (heard: string) => heard !== '';

/** A client that asks the agent something, and is answered by it. */
async function asker(world: Awaited<ReturnType<typeof embeddedWorld>>): Promise<() => Promise<void>> {
  const client = await world.client({ clientId: 'honest', username: 'anna', password: PASSWORD });
  const { link } = world.embedded;
  const topic = 'hedgerow/attic/response/honest';
  link.subscribe('hedgerow/attic/request/honest', ({ payload }) => void link.publish({ topic, payload }));
  const messages = heard(client);
  await client.subscribeAsync(topic);
  let asked = 0;
  return async () => {
    const wanted = `${topic} ${++asked}`;
    const answered = new Promise<void>((resolve, reject) => {
      const look = () => {
        if (messages.at(-1) === wanted) resolve();
      };
      client.on('message', look).once('close', () => reject(new Error('it was hung up on')));
    });
    await client.publishAsync('hedgerow/attic/request/honest', String(asked));
    await answered;
    client.removeAllListeners('close');
    messages.length = 0;
  };
}

describe('rubbish at the embedded broker', { timeout: PATIENCE_MS }, () => {
  it.each<[Rights, string]>([
    ['none', 'memory'],
    ['read', 'memory'],
    ['write', 'memory'],
    ['full', 'memory'],
    ['write', 'TCP'],
  ])('of clients that may %s, over %s, hurts nobody', async (rights, way) => {
    await using world = await embeddedWorld(rights, { clock: quickClock });
    const { broker } = world;
    const told: string[] = [];
    const { link } = world.embedded;
    const honest = await asker(world);
    link.subscribe('#', ({ topic }) => {
      if (
        told.length < 10 &&
        !/^(hedgerow\/[^/]+\/request(\/|$)|SPIN\/jsonrpc\/q$|hedgerow\/attic\/response\/honest$)/.test(topic)
      )
        told.push(topic);
    });
    const spoiler = new Spoiler(SEED);
    const open = (): Duplex => {
      if (way === 'TCP') return connect(world.port, '127.0.0.1');
      const [outside, inside] = duplexPair();
      broker.accept(inside, rights, { state: '', purpose: '' });
      return outside;
    };
    const batch = async () => {
      const talks = Array.from({ length: CONNECTIONS }, () => talk(spoiler, PACKETS));
      await Promise.all(
        talks.map(([first = NOTHING, ...rest]) =>
          say(open(), [first], rest, { politely: spoiler.number(2) === 0, isAnswered }),
        ),
      );
      return CONNECTIONS * PACKETS;
    };
    await withstands(honest, batch, { count: RUBBISH / 5, pauseMs: 100 });
    const { counts } = broker;
    await vi.waitFor(() => expect(counts.clients).toBe(1), 20_000);
    expect(counts.tooMany).toBe(0);
    expect(counts.cutMalformed).toBeGreaterThan(50);
    expect(counts.retained).toBe(0);
    if (rights === 'none') expect(counts.refused).toBeGreaterThan(100);
    else expect(counts.deniedPublishes).toBeGreaterThan(100);
    // Nobody but the agent says anything but where the agent listens.
    expect(told).toEqual([]);
  });
});
