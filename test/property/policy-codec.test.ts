import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFields, Writer } from '../../src/policy/codec.ts';
import { fromHex, utf8 } from '../../src/policy/crypto.ts';
import { decodeGenesis } from '../../src/policy/genesis.ts';
import { concat, decodeOp, encodeOp, seal } from '../../src/policy/op.ts';
import { decodeRecord, encodeRecord } from '../../src/policy/record-codec.ts';
import type { Record, Subject, Terms } from '../../src/policy/records.ts';
import { decodeRegister } from '../../src/policy/register-codec.ts';
import { blockOf, crypto, key, replica, run } from '../support/household.ts';

const home = replica().home;
const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => Buffer.from(b).toString('hex'));
const text = fc.stringMatching(/^[a-zäé ]{1,20}$/).filter((s) => s.trim() !== '');
const domain = fc.stringMatching(/^[a-z]{1,8}\.[a-z]{2,5}$/);
const subject: fc.Arbitrary<Subject> = fc.oneof(
  hex(16).map((id) => ({ kind: 'device' as const, id })),
  hex(16).map((id) => ({ kind: 'remote' as const, id })),
  domain.map((name) => ({ kind: 'domain' as const, domain: name })),
  domain.map((suffix) => ({ kind: 'pattern' as const, suffix })),
  fc.constantFrom('10.0.0.0/8', '2001:db8::/32').map((prefix) => ({ kind: 'network' as const, prefix })),
  text.map((group) => ({ kind: 'group' as const, group })),
  hex(32).map((peer) => ({ kind: 'router' as const, peer })),
  fc.constantFrom<Subject>({ kind: 'home' }, { kind: 'lan' }, { kind: 'internet' }),
);
const terms: fc.Arbitrary<Terms> = fc.record(
  {
    for: fc.integer({ min: 1, max: 2 ** 31 }),
    until: fc.integer({ min: 1, max: 2 ** 45 }),
    windows: fc.array(
      fc.record({ days: fc.integer({ min: 1, max: 127 }), from: fc.nat(1439), to: fc.nat(1439) }),
      { minLength: 1, maxLength: 4 },
    ),
    reason: text,
  },
  { requiredKeys: [] },
);
const recordId = fc.tuple(hex(32), fc.nat(65_535)).map(([id, index]) => `${id}/${index}`);
const record: fc.Arbitrary<Record> = fc.oneof(
  fc.record({
    kind: fc.constant('block' as const),
    a: subject,
    b: subject,
    terms,
    apart: fc.array(recordId, { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('allow' as const), a: subject, b: subject, terms }),
  fc.record({ kind: fc.constant('ignore' as const), node: subject }),
  fc.record({
    kind: fc.constantFrom('same' as const, 'distinct' as const),
    x: hex(16),
    y: hex(16),
  }) as fc.Arbitrary<Record>,
  fc.record({ kind: fc.constant('in' as const), group: text, node: subject }),
  fc.record({ kind: fc.constant('name' as const), of: subject, text }),
  fc.record({ kind: fc.constant('admit' as const), peer: hex(32), admin: fc.boolean(), invite: hex(32) }),
  fc.record({
    kind: fc.constant('evict' as const),
    peer: hex(32),
    heads: fc.array(fc.record({ run: hex(16), seq: fc.integer({ min: 1, max: 2 ** 40 }), id: hex(32) }), {
      maxLength: 3,
    }),
  }),
  fc.constant<Record>({ kind: 'leave' }),
  fc.record(
    {
      kind: fc.constant('invite' as const),
      key: hex(32),
      admin: fc.boolean(),
      until: fc.integer({ min: 1, max: 2 ** 45 }),
    },
    { requiredKeys: ['kind', 'key', 'admin'] },
  ),
);
const draft = fc.record({
  at: fc.integer({ min: 0, max: 2 ** 45 }),
  by: fc.oneof(fc.constant(''), text),
  over: fc.uniqueArray(recordId, { maxLength: 4 }),
  add: fc.array(record, { maxLength: 4 }),
});

describe('P17: decoding', () => {
  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        readFields(bytes);
        decodeRecord(bytes);
        decodeGenesis(bytes);
        decodeRegister(bytes, home, crypto);
        expect(decodeOp(bytes, home, crypto).ok).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives back what was written, and the same bytes when written again', () => {
    fc.assert(
      fc.property(draft, fc.nat(1_000), (wanted, seq) => {
        const prev = seq === 0 ? undefined : 'ab'.repeat(32);
        const actor = { home, peer: key(3).peer, run: run(7), seq: seq + 1, prev };
        const envelope = encodeOp(actor, wanted, key(3).sign);
        const decoded = decodeOp(envelope, home, crypto);
        if (!decoded.ok) throw new Error(decoded.why);
        const { op } = decoded;
        expect(op.add).toEqual(wanted.add);
        expect([...op.over].sort()).toEqual([...wanted.over].sort());
        expect(Buffer.from(encodeOp({ ...actor, ...op }, op, key(3).sign)).equals(envelope)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('refuses any flipped bit', () => {
    fc.assert(
      fc.property(draft, fc.nat(), (wanted, at) => {
        const actor = { home, peer: key(3).peer, run: run(7), seq: 1, prev: undefined };
        const envelope = Uint8Array.from(encodeOp(actor, wanted, key(3).sign));
        const bit = at % (envelope.length * 8);
        envelope[bit >> 3] = (envelope[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(decodeOp(envelope, home, crypto).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps records of a kind that it does not know, counts them and relays them', () => {
    const future = new Writer().bytes(99, new Writer().text(1, 'from the future').finish()).finish();
    const body = new Writer()
      .number(1, 1)
      .bytes(2, fromHex(home))
      .bytes(3, fromHex(key(0).peer))
      .bytes(4, fromHex(run(1)))
      .number(5, 1)
      .bytes(10, future)
      .text(77, 'a field of a newer version')
      .finish();
    const envelope = seal(body, key(0).sign(concat(utf8('hedgerow-op/1\0'), body)));
    const here = replica();
    const verdict = here.admit(envelope);
    if (verdict.verdict !== 'ok') throw new Error(verdict.verdict);
    expect(here.live.get(`${verdict.op.id}/0`)?.record).toEqual({ kind: 'unknown', tag: 99 });
    expect(here.envelope(verdict.op.id)).toEqual(envelope);
    expect(here.digest).not.toBe(replica().digest);
    expect(() => encodeRecord({ kind: 'unknown', tag: 99 })).toThrow(RangeError);
  });

  it.each([
    ['a long varint', [0x08, 0x81, 0x00]],
    ['a varint of zero', [0x08, 0x00]],
    ['fields out of order', [0x12, 0x00, 0x0a, 0x00]],
    ['a fixed64 field', [0x09, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['tag 0', [0x02, 0x00]],
    ['a length beyond the end', [0x0a, 0x05, 0x01]],
    ['a varint beyond 2^53', [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
  ])('is not canonical: %s', (_, bytes) => {
    expect(readFields(Uint8Array.from(bytes))).toBeUndefined();
  });
});

describe('P18: no snapshot shows half an op', () => {
  it('shows all of an op, or nothing of it, to whoever is told', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { minLength: 1, maxLength: 20 }), (steps) => {
        const source = replica();
        const target = replica((op) => {
          for (const [index] of op.add.entries()) expect(target.live.has(`${op.id}/${index}`)).toBe(true);
          for (const id of op.over) expect(target.live.has(id)).toBe(false);
        });
        for (const step of steps) {
          const over = [...source.live.keys()].slice(0, step);
          const add = [blockOf(step, 'a.example'), blockOf(step, 'b.example')];
          const op = source.author(key(0), run(1), { at: 0, by: '', over, add });
          expect(target.admit(op.envelope).verdict).toBe('ok');
        }
      }),
      { numRuns: 30 },
    );
  });
});
