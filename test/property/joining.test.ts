import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeToken, encodeToken, TOKEN_PREFIX } from '../../src/p2p/joining/invitation-token.ts';
import {
  decodeFarewell,
  decodeJoinAnswer,
  decodeJoinRequest,
  encodeFarewell,
  encodeJoinAnswer,
  encodeJoinRequest,
  type JoinAnswer,
} from '../../src/p2p/joining/join-wire.ts';
import { LastHeard } from '../../src/p2p/joining/last-heard.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { genesis, key } from '../support/household.ts';
import { RUBBISH } from '../support/rubbish.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hex32 = bytes(32).map((each) => Buffer.from(each).toString('hex'));
const address = fc.oneof(
  fc.nat(255).map((last) => `/ip4/198.51.100.${last}/tcp/4411`),
  fc.nat(9_999).map((last) => `/ip6/2001:db8::${(last + 1).toString(16)}/tcp/4411`),
  fc.nat(99).map((n) => `/dns4/router${n}.example/tcp/4411`),
);
const admin = (maxLength: number) =>
  fc.record({ peer: hex32, addresses: fc.uniqueArray(address, { maxLength }) });

const token = fc.record({
  home: hex32,
  psk: hex32,
  seed: bytes(32),
  until: fc.nat(),
  admins: fc.tuple(admin(8), fc.array(admin(2), { maxLength: 3 })).map(([first, more]) => [first, ...more]),
});
const request = fc.record({
  version: fc.integer({ min: 1, max: 9 }),
  home: hex32,
  peer: hex32,
  proof: bytes(64),
});
const answer: fc.Arbitrary<JoinAnswer> = fc.oneof(
  fc.record({
    kind: fc.constant('admitted' as const),
    genesis: fc.constant(genesis),
    sponsors: fc.array(hex32, { minLength: 1, maxLength: 100 }),
    bootstrap: fc.array(address, { maxLength: 50 }),
  }),
  fc.record({ kind: fc.constant('refused' as const), why: fc.constant('no'), elsewhere: fc.boolean() }),
);

/** Some bytes of a message changed, cut or doubled. */
const spoilt = (message: Uint8Array, at: number, byte: number, keep: number): Uint8Array => {
  const copy = Uint8Array.from(message.subarray(0, Math.max(1, keep % (message.length + 1))));
  copy[at % copy.length] = byte;
  return copy;
};
const spoil = fc.tuple(fc.nat(), fc.nat(255), fc.nat());
/** Each feeds four readers. */
const numRuns = Math.ceil(RUBBISH / 4);

describe('what joining sends', () => {
  it('is read as it was written', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(token, request, answer, fc.uint8Array({ maxLength: 900 }), (one, two, three, four) => {
        expect(decodeToken(encodeToken(one))).toEqual({ ok: true, value: one });
        expect(decodeJoinRequest(encodeJoinRequest(two))).toEqual({ ok: true, value: two });
        expect(decodeJoinAnswer(encodeJoinAnswer(three))).toEqual({ ok: true, value: three });
        expect(decodeFarewell(encodeFarewell(four))).toEqual({ ok: true, value: four });
      }),
    );
  });

  it('never throws on rubbish, and what it reads it bounds', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (rubbish) => {
        decodeJoinRequest(rubbish);
        decodeFarewell(rubbish);
        const read = decodeJoinAnswer(rubbish);
        if (read.ok && read.value.kind === 'admitted')
          expect(read.value.sponsors.length).toBeLessThanOrEqual(100);
        decodeToken(`${TOKEN_PREFIX}${Buffer.from(rubbish).toString('base64url')}`);
      }),
      { numRuns },
    );
  });

  it('never throws on what is almost right, and a token that was changed is not read', {
    timeout: 600_000,
  }, () => {
    const few = fc.sample(fc.tuple(token, request, answer), { numRuns: 200, seed: 20_261_122 });
    const sent = few.map(([one, two, three]) => ({
      token: Buffer.from(encodeToken(one).slice(TOKEN_PREFIX.length), 'base64url'),
      request: encodeJoinRequest(two),
      answer: encodeJoinAnswer(three),
      farewell: encodeFarewell(encodeJoinRequest(two)),
    }));
    fc.assert(
      fc.property(fc.constantFrom(...sent), spoil, (each, [at, byte, keep]) => {
        decodeJoinRequest(spoilt(each.request, at, byte, keep));
        decodeJoinAnswer(spoilt(each.answer, at, byte, keep));
        decodeFarewell(spoilt(each.farewell, at, byte, keep));
        const other = spoilt(each.token, at, byte, keep);
        const read = decodeToken(`${TOKEN_PREFIX}${Buffer.from(other).toString('base64url')}`);
        if (read.ok !== Buffer.from(other).equals(each.token)) throw new Error('a changed token was read');
      }),
      { numRuns },
    );
  });

  it('never throws on any text', () => {
    fc.assert(fc.property(fc.string({ maxLength: 5_000 }), (text) => void decodeToken(text)));
  });
});

it('what was saved of who was heard may be anything', () => {
  const clock = new FakeClock();
  const options = { clock, clockTrusted: () => true, absentMs: 1_000, save: () => undefined };
  const { peer } = key(1);
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      const table = new LastHeard({ ...options, load: () => text });
      expect(table.of(peer)).toBeUndefined();
      table.look(new Map([[peer, 5]]));
      expect(table.of(peer)).toBe(clock.now() - 5);
      expect(table.absent(peer, undefined)).toBe(false);
    }),
  );
});
