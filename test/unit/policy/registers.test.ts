import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRegister, MAX_REGISTER_BYTES, type Register } from '../../../src/policy/register-codec.ts';
import { MAX_REGISTERS_PER_PEER, Registers, type Stamp } from '../../../src/policy/registers.ts';
import { crypto, key, replica } from '../../support/household.ts';

const HOME = replica().home;
const [P, STRANGER] = [key(0), key(9)];
const nodeId = (n: number) => n.toString(16).padStart(32, '0');

function registers(onAdmitted?: (register: Register, authored: boolean) => void): Registers {
  const isMember = (peer: string) => peer !== STRANGER.peer;
  return new Registers({ home: HOME, crypto, isMember, ...(onAdmitted ? { onAdmitted } : {}) });
}

function envelope(gen: number, rev: number, node = rev, by = P): Uint8Array {
  const id = nodeId(node);
  const about = {
    node: id,
    device: false,
    macs: [],
    addresses: [{ address: `203.0.${gen}.${rev % 256}` }],
    domains: ['ads.example'],
    names: [],
  };
  return encodeRegister(HOME, by.peer, { gen, rev }, id, about, by.sign);
}

/** What a replica says of P, in a text that two can be compared by. */
const contents = (of: Registers) =>
  of
    .of(P.peer)
    .map(({ node, gen, rev }) => `${node} ${gen}.${rev}`)
    .sort();

/** One in-order sync, as a session does it: everything the other lacks, then up to what was said at the hello. */
function sync(from: Registers, to: Registers): void {
  const marks = from.vector();
  for (const { peer, envelopes } of from.since(to.vector())) {
    for (const one of envelopes) to.admit(one);
    const mark = marks.get(peer);
    if (mark !== undefined) to.advance(peer, mark);
  }
}

/** P itself, with so many changes written over three nodes. */
function written(revs: number, gen = 1): Registers {
  const own = registers();
  for (let rev = 1; rev <= revs; rev++) own.admit(envelope(gen, rev, rev % 3));
  own.advance(P.peer);
  return own;
}

const upTo = (of: Registers): Stamp | undefined => of.vector().get(P.peer);

describe('registers', () => {
  it('are equal between two routers that differ in what somebody said who is no member any more', () => {
    const members = new Set([P.peer, key(1).peer]);
    const options = { home: HOME, crypto, isMember: (peer: string) => members.has(peer) };
    const [heard, deaf] = [new Registers(options), new Registers(options)];
    heard.admit(envelope(1, 1, 1, key(1)));
    for (const one of [heard, deaf]) one.admit(envelope(1, 1));
    for (const { peer } of [P, key(1)]) for (const one of [heard, deaf]) one.advance(peer);
    expect(heard.digest).not.toBe(deaf.digest);
    members.delete(key(1).peer);
    expect(heard.digest).toBe(deaf.digest);
    expect(heard.since(new Map()).map(({ peer }) => peer)).toEqual([P.peer]);
  });

  it('take the greater (gen, rev) of a node, from members only', () => {
    const told: string[] = [];
    const home = registers(({ gen, rev }) => told.push(`${gen}.${rev}`));
    expect(home.admit(envelope(1, 5, 1))).toBe('ok');
    expect(home.admit(envelope(1, 5, 1))).toBe('held');
    expect(home.admit(envelope(1, 4, 1))).toBe('held');
    expect(home.admit(envelope(2, 1, 1))).toBe('ok');
    expect(home.admit(envelope(1, 9, 1))).toBe('held');
    expect(home.admit(envelope(1, 1, 1, STRANGER))).toBe('stranger');
    expect(home.admit(new Uint8Array(10))).toBe('rubbish');
    expect(home.admit(new Uint8Array(MAX_REGISTER_BYTES + 1))).toBe('rubbish');
    expect(told).toEqual(['1.5', '2.1']);
    expect(home.version).toBe(2);
  });

  it('cost no signature check when they would change nothing, and a forged one never changes anything', () => {
    let checks = 0;
    const verify: typeof crypto.verify = (...signed) => {
      checks += 1;
      return crypto.verify(...signed);
    };
    const home = new Registers({ home: HOME, crypto: { ...crypto, verify }, isMember: () => true });
    home.author(P, { gen: 1, rev: 1 }, nodeId(1), undefined);
    expect(checks).toBe(0);
    expect(home.admit(envelope(1, 5, 1))).toBe('ok');
    expect(checks).toBe(1);
    for (const rev of [5, 4, 3]) expect(home.admit(envelope(1, rev, 1))).toBe('held');
    expect(checks).toBe(1);
    const forged = (rev: number, node: number) => envelope(1, rev, node, { ...STRANGER, peer: P.peer });
    // The very next one moves the mark, also in vain for its node: it is looked at.
    for (const [rev, node] of [
      [2, 1],
      [6, 1],
      [3, 2],
    ] as const)
      expect(home.admit(forged(rev, node))).toBe('rubbish');
    expect(checks).toBe(4);
    expect(upTo(home)).toEqual({ gen: 1, rev: 1 });
    expect(contents(home)).toEqual([`${nodeId(1)} 1.5`]);
  });

  it('are bounded per peer, and what is there can still change', () => {
    // Thousands of real signatures would take seconds.
    const by = { ...P, sign: () => new Uint8Array(64) };
    const home = new Registers({
      home: HOME,
      crypto: { ...crypto, verify: () => true },
      isMember: () => true,
    });
    for (let n = 1; n <= MAX_REGISTERS_PER_PEER; n++) home.admit(envelope(1, n, n, by));
    expect(home.admit(envelope(1, 6_000, 6_000, by))).toBe('full');
    expect(home.refusedFull).toBe(1);
    expect(home.admit(envelope(1, 6_001, 1, by))).toBe('ok');
    expect(home.of(P.peer)).toHaveLength(MAX_REGISTERS_PER_PEER);
  });

  it('say up to where they are complete: all of it for our own', () => {
    expect(upTo(written(7))).toEqual({ gen: 1, rev: 7 });
    const own = registers();
    own.author(P, { gen: 3, rev: 1 }, undefined, { name: 'attic', prefixes: [], listens: [], macs: [] });
    expect(upTo(own)).toEqual({ gen: 3, rev: 1 });
    expect(own.card(P.peer)?.name).toBe('attic');
  });

  it('tell whether they were written here, or heard of: also of an older self', () => {
    const told: boolean[] = [];
    const card = { name: 'attic', prefixes: [], listens: [], macs: [] };
    const own = registers((_, authored) => told.push(authored));
    const said = own.author(P, { gen: 3, rev: 1 }, undefined, card);
    const later = registers((_, authored) => told.push(authored));
    later.admit(said.envelope);
    expect(told).toEqual([true, false]);
  });

  it('are complete after a sync only as far as the other side was, and never beyond what is held', () => {
    const home = registers();
    for (const rev of [1, 2, 3, 9]) home.admit(envelope(1, rev));
    expect(upTo(home)).toBeUndefined();
    home.advance(P.peer, { gen: 1, rev: 3 });
    expect(upTo(home)).toEqual({ gen: 1, rev: 3 });
    home.advance(P.peer, { gen: 1, rev: 2 });
    expect(upTo(home)).toEqual({ gen: 1, rev: 3 });
    home.advance(P.peer, { gen: 7, rev: 1 });
    expect(upTo(home)).toEqual({ gen: 1, rev: 9 });
    home.advance(key(5).peer, { gen: 1, rev: 1 });
    expect(home.vector().size).toBe(1);
  });

  it('gossip moves the mark by the very next change and by nothing else', () => {
    const home = registers();
    expect(home.admit(envelope(1, 1))).toBe('ok');
    expect(upTo(home)).toBeUndefined();
    home.advance(P.peer, { gen: 1, rev: 1 });
    home.admit(envelope(1, 3));
    expect(upTo(home)).toEqual({ gen: 1, rev: 1 });
    home.admit(envelope(1, 2));
    expect(upTo(home)).toEqual({ gen: 1, rev: 2 });
    // The next one is late: a newer one of its node is here already, so nothing is missing all the same.
    const late = registers();
    late.admit(envelope(1, 1, 1));
    late.advance(P.peer);
    late.admit(envelope(1, 3, 1));
    expect(late.admit(envelope(1, 2, 1))).toBe('held');
    expect(upTo(late)).toEqual({ gen: 1, rev: 2 });
  });

  it('need no sync after gossip that came in order', () => {
    const source = written(3);
    const home = registers();
    sync(source, home);
    for (let rev = 4; rev <= 6; rev++) {
      for (const each of [source, home]) each.admit(envelope(1, rev, rev % 3));
    }
    expect(home.digest).toBe(source.digest);
    expect(source.since(home.vector())).toEqual([]);
  });

  it('that were missed while gossip ran ahead come with the next sync', () => {
    const source = written(3);
    const home = registers();
    sync(source, home);
    for (const rev of [4, 5, 6]) source.admit(envelope(1, rev, rev));
    home.admit(envelope(1, 6, 6));
    expect(upTo(home)).toEqual({ gen: 1, rev: 3 });
    expect(home.digest).not.toBe(source.digest);
    sync(source, home);
    expect(contents(home)).toEqual(contents(source));
    expect(home.digest).toBe(source.digest);
  });

  it('are handed on by one whose newest stands in the place of the marked one', () => {
    // The relay is complete up to 5, but node 5 was told anew ahead of the rest: 5 itself is gone, 7 stands for it.
    const relay = written(5);
    relay.admit(envelope(1, 7, 5 % 3));
    expect(upTo(relay)).toEqual({ gen: 1, rev: 5 });
    const home = registers();
    sync(relay, home);
    expect(contents(home)).toEqual(contents(relay));
    expect(home.digest).toBe(relay.digest);
  });

  it('of a new generation come whole after a wipe, also by way of others', () => {
    const home = registers();
    sync(written(5), home);
    const reborn = registers();
    for (const { envelopes } of home.since(reborn.vector())) for (const one of envelopes) reborn.admit(one);
    for (const rev of [1, 2]) reborn.admit(envelope(2, rev, rev));
    reborn.advance(P.peer);
    expect(upTo(reborn)).toEqual({ gen: 2, rev: 2 });
    // Gossip of the new generation proves nothing: what the router holds of the peer is no whole any more.
    home.admit(envelope(2, 1, 1));
    expect(upTo(home)).toBeUndefined();
    sync(reborn, home);
    expect(upTo(home)).toEqual({ gen: 2, rev: 2 });
    const third = registers();
    sync(home, third);
    // What was said in the old generation ended with it, and does not come back by an old copy.
    for (const each of [reborn, home, third]) {
      expect(contents(each)).toEqual([`${nodeId(1)} 2.1`, `${nodeId(2)} 2.2`]);
      expect(each.admit(envelope(1, 9, 3))).toBe('held');
      expect(each.digest).toBe(reborn.digest);
    }
  });

  it('of a life that the peer has forgotten reach it, and end when it goes on beyond them', () => {
    // What the peer said last in its former life was heard by one router only, by gossip, ahead of everything else.
    const witness = registers();
    witness.admit(envelope(5, 3, 3));
    const peer = registers();
    peer.admit(envelope(2, 1, 1));
    peer.advance(P.peer);
    sync(peer, witness);
    expect(witness.digest).not.toBe(peer.digest);
    sync(witness, peer);
    expect(contents(peer)).toEqual([`${nodeId(1)} 2.1`, `${nodeId(3)} 5.3`]);
    expect(upTo(peer)).toBeUndefined();
    for (const [rev, node] of [
      [1, 1],
      [2, 3],
    ] as const)
      peer.admit(envelope(6, rev, node));
    peer.advance(P.peer);
    sync(peer, witness);
    expect(contents(witness)).toEqual([`${nodeId(1)} 6.1`, `${nodeId(3)} 6.2`]);
    expect(witness.digest).toBe(peer.digest);
  });

  it('take nothing, and do not throw, whatever comes', () => {
    const home = registers();
    const good = envelope(1, 1);
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), flipped(good)), (bytes) => {
        expect(home.admit(bytes)).toBe('rubbish');
      }),
    );
    expect(home.version).toBe(0);
  });

  it('converge under loss, repetition and reordering, and nothing is missing below a mark (P16)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => converge(steps)),
      { numRuns: 200 },
    );
  });
});

function flipped(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc.nat(bytes.length * 8 - 1).map((bit) => {
    const copy = Uint8Array.from(bytes);
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return copy;
  });
}

/** P changes a node; a copy of any change arrives anywhere at any time; any two sync. */
type Step =
  | { do: 'write'; node: number }
  | { do: 'gossip'; change: number; to: number }
  | { do: 'sync'; from: number; to: number };

const router = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('write' as const), node: fc.nat(4) }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('gossip' as const), change: fc.nat(30), to: router }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('sync' as const), from: router, to: router }) },
);

function converge(steps: readonly Step[]): void {
  const routers = Array.from({ length: 4 }, () => registers());
  const at = (n: number) => routers[n] ?? registers();
  const changes: Uint8Array[] = [];
  for (const one of steps) {
    if (one.do === 'write') {
      const change = envelope(1, changes.length + 1, one.node);
      changes.push(change);
      at(0).admit(change);
      at(0).advance(P.peer);
    } else if (one.do === 'gossip') {
      const change = changes[one.change];
      if (change !== undefined) at(one.to).admit(change);
    } else sync(at(one.from), at(one.to));
    for (const other of routers) {
      // The law behind the mark: complete up to it means that nothing newer of any node is missing below it.
      const mark = upTo(other) ?? { gen: 0, rev: 0 };
      for (const { node, rev } of at(0).of(P.peer)) {
        if (rev > mark.rev) continue;
        const here = other.of(P.peer).find((register) => register.node === node);
        if ((here?.rev ?? 0) < rev) throw new Error(`${node} of ${rev} is missing below ${mark.rev}`);
      }
    }
  }
  // A chain of syncs from P on: everybody has everything.
  for (const n of [1, 2, 3]) sync(at(n - 1), at(n));
  for (const other of routers) {
    expect(contents(other)).toEqual(contents(at(0)));
    expect(other.digest).toBe(at(0).digest);
  }
}
