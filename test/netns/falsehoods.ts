import { ALIVE_PROTOCOL } from '../../src/p2p/alive/alive.ts';
import { encodeAlive } from '../../src/p2p/alive/alive-wire.ts';
import { frame } from '../../src/p2p/frames.ts';
import { generateKey, type SigningKey } from '../../src/p2p/keys.ts';
import { SYNC_PROTOCOL } from '../../src/p2p/sync/sync.ts';
import { encodeSync, type SyncMessage } from '../../src/p2p/sync/sync-wire.ts';
import { encodeOp } from '../../src/policy/op.ts';
import { encodeRegister } from '../../src/policy/register-codec.ts';
import type { Registers } from '../../src/policy/registers.ts';
import type { Replica } from '../../src/policy/replica.ts';

export const GOSSIP_PROTOCOL = '/meshsub/1.2.0';

export const random = (bytes: number): Uint8Array => crypto.getRandomValues(new Uint8Array(bytes));

type Say = Exclude<SyncMessage, { kind: 'unknown' }>;
const spoken = (...messages: Say[]) => messages.map((message) => frame(encodeSync(message)));

/** Ops and registers that nobody may take, and streams that must end. */
export function falsehoods(replica: Replica, registers: Registers, key: SigningKey) {
  const { home } = replica;
  const stranger = generateKey();
  const run = '5'.repeat(32);
  const blocks = [...replica.live.keys()];
  const opOf = (by: SigningKey, of: string, seq = 1) =>
    encodeOp(
      { home: of, peer: by.peer, run, seq, prev: seq === 1 ? undefined : 'a'.repeat(64) },
      { at: 1, by: 'nobody', over: blocks.slice(0, 50), add: [] },
      by.sign,
    );
  const flippedOps = [...replica.heads(replica.members().map(({ peer }) => peer))]
    .flatMap(({ heads }) => heads.map(({ id }) => replica.envelope(id)))
    .filter((envelope) => envelope !== undefined)
    .flatMap((envelope) => [flip(envelope, 40), flip(envelope, envelope.length - 5)]);
  const flippedRegisters = [...registers.all()].map(({ envelope }) => flip(envelope, envelope.length - 5));
  const card = { name: 'evil', prefixes: ['0.0.0.0/0'], listens: [], macs: [] };
  const registerOf = (by: SigningKey) =>
    encodeRegister(home, by.peer, { gen: 99, rev: 1 }, undefined, card, by.sign);
  // Signed by a member in another's name, and newer than what is held: what would change nothing is not looked at further.
  const forged = encodeRegister(
    home,
    replica.genesis.founder,
    { gen: 2 ** 40, rev: 1 },
    undefined,
    card,
    key.sign,
  );
  const ops = [
    opOf(stranger, home),
    opOf(key, 'e'.repeat(64)),
    opOf(key, home, 7),
    ...flippedOps,
    random(31_000),
    random(60_000),
    new Uint8Array(0),
  ];
  const marks = new Map([[replica.genesis.founder, { gen: 2 ** 40, rev: 2 ** 40 }]]);
  const hello: Say = {
    kind: 'hello',
    version: 1,
    home,
    digest: 'f'.repeat(64),
    registers: new Map(),
    ops: 2 ** 53 - 1,
  };
  const opening = [
    hello,
    { kind: 'digests', digests: new Map() },
    { kind: 'heads', actors: [], last: true },
  ] as const;
  const sync = (...pieces: Uint8Array[]) => ({ protocol: SYNC_PROTOCOL, pieces });
  const alive = (...pieces: Uint8Array[]) => ({ protocol: ALIVE_PROTOCOL, pieces });
  const claim = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x03);
  const keepAlive = frame(
    encodeAlive({
      version: 1,
      counter: 1,
      echo: 0,
      heldUs: 0,
      toleranceMs: 0,
      digest: 'f'.repeat(64),
      registersDigest: 'f'.repeat(64),
      applied: { digest: 'f'.repeat(64), recent: [] },
      clock: 2 ** 53 - 1,
      trusted: true,
      about: [],
      asks: [],
      shortestMs: 2 ** 53 - 1,
      changes: 2 ** 53 - 1,
    }),
  );
  return {
    ops: [...ops, ...Array.from({ length: 100 }, () => random(200))],
    registers: [registerOf(stranger), forged, ...flippedRegisters, random(40_000), new Uint8Array(0)],
    streams: {
      'sync: random bytes': sync(frame(random(100))),
      'sync: random bytes that are no frame': sync(Uint8Array.of(...Array(8).fill(0xff)), random(5_000)),
      'sync: a frame of 300 KiB': sync(frame(new Uint8Array(300 * 1024))),
      'sync: a frame that claims a gigabyte': sync(claim),
      'sync: another home': sync(...spoken({ ...hello, home: 'e'.repeat(64) })),
      'sync: ops out of turn': sync(...spoken(hello, { kind: 'ops', envelopes: [] })),
      'sync: ops with flipped bits': sync(...spoken(...opening, { kind: 'ops', envelopes: flippedOps })),
      "sync: a hundred strangers' ops": sync(
        ...spoken(...opening, { kind: 'ops', envelopes: Array(100).fill(opOf(stranger, home)) }),
      ),
      'sync: rubbish for registers, with marks beyond everything': sync(
        ...spoken({ ...hello, registers: marks }, ...opening.slice(1), {
          kind: 'registers',
          peer: replica.genesis.founder,
          envelopes: [forged],
          last: true,
        }),
      ),
      'sync: acknowledges what was not sent': sync(...spoken(...opening, { kind: 'ack', count: 1_000_000 })),
      'keep-alives: random bytes': alive(frame(random(100))),
      'keep-alives: a frame that claims a gigabyte': alive(claim),
      'keep-alives: one good and then rubbish': alive(keepAlive, frame(random(100))),
      'gossip: random bytes': { protocol: GOSSIP_PROTOCOL, pieces: [frame(random(100))] },
      'gossip: a message that claims 16 MiB': {
        protocol: GOSSIP_PROTOCOL,
        pieces: [Uint8Array.of(0x80, 0x80, 0x80, 0x08)],
      },
    },
  };
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
