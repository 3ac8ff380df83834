import { describe, expect, it } from 'vitest';
import { decodeAlive, encodeAlive } from '../../src/p2p/alive/alive-wire.ts';
import { Counters } from '../../src/p2p/counters.ts';
import { homeTag, open, seal } from '../../src/p2p/discovery/announcement.ts';
import { answer as mdnsAnswer, question as mdnsQuestion, read } from '../../src/p2p/discovery/dns-message.ts';
import { FrameReader, frame } from '../../src/p2p/frames.ts';
import { judgeOp, judgeRegister } from '../../src/p2p/gossip.ts';
import { decodeToken, encodeToken } from '../../src/p2p/joining/invitation-token.ts';
import {
  decodeFarewell,
  decodeJoinAnswer,
  decodeJoinRequest,
  encodeFarewell,
  encodeJoinAnswer,
  encodeJoinRequest,
} from '../../src/p2p/joining/join-wire.ts';
import { PresenceFeed } from '../../src/p2p/presence/presence-feed.ts';
import { PresenceGossip } from '../../src/p2p/presence/presence-gossip.ts';
import { PresenceTable } from '../../src/p2p/presence/presence-table.ts';
import { decodePresence, encodeClaim, encodePresence } from '../../src/p2p/presence/presence-wire.ts';
import { decodeAnswer, decodeQuestion, encodeAnswer, encodeQuestion } from '../../src/p2p/question-wire.ts';
import { decodeSync, encodeSync } from '../../src/p2p/sync/sync-wire.ts';
import { House, writeBlock } from '../p2p/house.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { PATIENCE_MS, RUBBISH, withstands } from '../support/rubbish.ts';
import { Spoiler } from './spoil.ts';
import { spoilFields } from './spoil-fields.ts';

const SEED = Number(process.env.FAST_CHECK_SEED ?? 20261122) || 1;
const BATCH = 500;

const key = 'ab'.repeat(32);
const other = 'cd'.repeat(32);
const run = '12'.repeat(16);
const ADDRESS = '/ip4/198.51.100.7/tcp/4411';

const house = new House();
const [router, writer] = house.routers(2);
if (router === undefined || writer === undefined) throw new Error('no router');
const ops = Array.from({ length: 5 }, (_, i) => writeBlock(writer, `rubbish${i}`).envelope);
const registers = [
  writer.registers.author(writer.key, { gen: 1, rev: 1 }, undefined, {
    ...{ name: 'attic', prefixes: ['198.51.100.0/24'], listens: [ADDRESS], macs: ['02:00:00:00:00:01'] },
  }),
].map(({ envelope }) => envelope);

const presence = (more: { anew?: boolean; seq?: number }) =>
  encodePresence({
    ...{ version: 1, seq: 1, anew: true, gone: ['02:00:00:00:00:09'], end: 2, again: false, ...more },
    claims: [
      encodeClaim({
        mac: '02:00:00:00:00:01',
        about: { addresses: [{ address: '198.51.100.9', segment: '0123456789ab/br-lan' }], names: ['tv'] },
        stay: { sinceMs: 1_000, seenMs: 10 },
        bytes: { up: 10, down: 20 },
      }),
    ],
  });

interface Surface {
  readonly name: string;
  readonly samples: readonly Uint8Array[];
  /** Must not throw; whether the input was taken. */
  readonly take: (bytes: Uint8Array) => boolean;
}

const table = new PresenceTable(new FakeClock(), (mac) => mac);
const gossiped = new PresenceGossip({
  ...{ feed: new PresenceFeed(), table, clock: new FakeClock(), counters: new Counters() },
  publish: () => undefined,
  signal: () => new AbortController().signal,
});
const tag = homeTag(new Uint8Array(32).fill(7));
const announcement = { peer: key, addresses: [ADDRESS, '/ip6/2001:db8::1/tcp/4411'] };
const text = new TextDecoder();

const SURFACES: readonly Surface[] = [
  {
    name: 'sync',
    samples: [
      encodeSync({
        ...{ kind: 'hello', version: 1, home: key, digest: other, ops: 900, runs: true, compare: true },
        registers: new Map([[key, { gen: 65_537, rev: 3 }]]),
      }),
      encodeSync({ kind: 'digests', digests: new Map([[key, other]]), more: true }),
      encodeSync({ kind: 'runs', digests: new Map([[key, new Uint8Array(1_024)]]) }),
      encodeSync({ kind: 'heads', actors: [{ peer: key, run, heads: [{ id: other, seq: 4 }] }], last: true }),
      encodeSync({ kind: 'coming', ops: 10 }),
      encodeSync({ kind: 'ops', envelopes: ops }),
      encodeSync({ kind: 'ops-end', pass: 1 }),
      encodeSync({ kind: 'registers', peer: key, envelopes: registers, last: true }),
      encodeSync({ kind: 'registers-end' }),
      encodeSync({ kind: 'ack', count: 2 }),
    ],
    take: (bytes) => decodeSync(bytes).ok,
  },
  {
    name: 'keep-alive',
    samples: [
      encodeAlive({
        ...{
          version: 1,
          counter: 7,
          echo: 6,
          heldUs: 900,
          toleranceMs: 6_000,
          digest: key,
          registersDigest: other,
        },
        ...{ clock: 1_700_000_000_000, trusted: true, shortestMs: 1_000, changes: 12 },
        applied: { digest: key, recent: [key, other] },
        about: [{ peer: other, ageMs: 3, applied: key, digest: key, recent: [other] }],
        asks: [key, other],
        remembers: true,
      }),
    ],
    take: (bytes) => decodeAlive(bytes).ok,
  },
  {
    name: 'presence',
    samples: [presence({}), presence({ anew: false, seq: 2 })],
    take: (bytes) => {
      const read = decodePresence(bytes);
      if (read.ok) table.take(key, read.value);
      return read.ok;
    },
  },
  {
    name: 'presence by gossip',
    samples: [presence({}), presence({ anew: false, seq: 2 })],
    take: (bytes) => gossiped.heard(key, bytes, false) === 'accept',
  },
  {
    name: 'question',
    samples: [encodeQuestion({ version: 1, view: 'flows', params: '{"last":3}' })],
    take: (bytes) => decodeQuestion(bytes).ok,
  },
  {
    name: 'answer',
    samples: [
      encodeAnswer({ kind: 'view', json: '[{"a":[1,2,{}]}]' }),
      encodeAnswer({
        kind: 'refused',
        why: { name: 'UsageError', message: 'no', hint: 'ask', exitCode: 64 },
      }),
    ],
    take: (bytes) => decodeAnswer(bytes).ok,
  },
  {
    name: 'request to join',
    samples: [encodeJoinRequest({ version: 1, home: key, peer: other, proof: new Uint8Array(64) })],
    take: (bytes) => decodeJoinRequest(bytes).ok,
  },
  {
    name: 'answer to it',
    samples: [
      encodeJoinAnswer({
        kind: 'admitted',
        genesis: house.genesis,
        sponsors: [key, other],
        bootstrap: [ADDRESS],
      }),
      encodeJoinAnswer({ kind: 'refused', why: 'it was used', elsewhere: true }),
    ],
    take: (bytes) => decodeJoinAnswer(bytes).ok,
  },
  {
    name: 'farewell',
    samples: [encodeFarewell(ops[0] ?? new Uint8Array(0))],
    take: (bytes) => decodeFarewell(bytes).ok,
  },
  {
    name: 'token',
    samples: [
      new TextEncoder().encode(
        encodeToken({
          ...{ home: key, psk: other, seed: new Uint8Array(32), until: 1_700_000_000_000 },
          admins: [{ peer: key, addresses: [ADDRESS] }],
        }),
      ),
    ],
    take: (bytes) => decodeToken(text.decode(bytes)).ok,
  },
  {
    name: 'frames',
    samples: [
      Buffer.concat([frame(new Uint8Array(3)), frame(new Uint8Array(300)), frame(new Uint8Array(0))]),
    ],
    take: (bytes) => {
      const reader = new FrameReader(400);
      const messages = reader.push(bytes);
      expect(reader.pending).toBeLessThanOrEqual(404);
      return messages.length > 0;
    },
  },
  {
    name: 'gossiped op',
    samples: ops,
    take: (bytes) => judgeOp(router.replica.admit(bytes).verdict).relay === 'accept',
  },
  {
    name: 'gossiped register',
    samples: registers,
    take: (bytes) => judgeRegister(router.registers.admit(bytes)).relay === 'accept',
  },
  {
    name: 'mDNS datagram',
    samples: [mdnsQuestion(tag.service), mdnsAnswer(tag.service, seal(announcement, tag))],
    take: (bytes) => {
      const heard = read(bytes, tag.service);
      return heard.ok && heard.value.sealed.some((sealed) => open(sealed, tag).ok);
    },
  },
];

describe('rubbish on the wire between agents', () => {
  // 50,000 in all; a million and more of each when it is asked for.
  const count = process.env.HEDGEROW_FUZZ === undefined ? Math.ceil(RUBBISH / SURFACES.length) : RUBBISH;

  it.each(SURFACES)(
    '$name: a verdict in time, and nothing grows',
    async ({ name, samples, take }) => {
      const spoiler = new Spoiler(SEED + name.length);
      let taken = 0;
      // What is good is taken; of ops and registers once only.
      for (const sample of samples) take(sample);
      const digest = router.replica.digest;
      const honest = async () => void take(samples[0] ?? new Uint8Array(0));
      const batch = async () => {
        for (let n = 0; n < BATCH; n++) {
          const how = spoiler.number(4);
          const input =
            how === 0
              ? crypto.getRandomValues(new Uint8Array(spoiler.number(200)))
              : how === 1
                ? spoiler.bytes(samples)
                : spoilFields(spoiler, samples);
          if (take(input)) taken += 1;
        }
        return BATCH;
      };
      await withstands(honest, batch, { count });
      if (process.env.HEDGEROW_FUZZ !== undefined) console.log(`${name}: ${taken} of ${count} were taken`);
      // Nobody signs what was spoilt.
      expect(router.replica.digest).toBe(digest);
    },
    PATIENCE_MS,
  );
});
