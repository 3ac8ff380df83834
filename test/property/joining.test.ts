import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeToken, encodeToken } from '../../src/p2p/invitation-token.ts';
import { Invitations } from '../../src/p2p/invitations.ts';
import {
  decodeJoinAnswer,
  decodeJoinRequest,
  encodeJoinAnswer,
  encodeJoinRequest,
} from '../../src/p2p/join-wire.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { genesis, key } from '../support/household.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hex32 = bytes(32).map((each) => Buffer.from(each).toString('hex'));
const address = fc.nat(255).map((last) => `/ip4/198.51.100.${last}/tcp/4411`);

const token = fc.record({
  genesis: fc.constant(genesis),
  psk: hex32,
  seed: bytes(32),
  inviter: hex32,
  addresses: fc.uniqueArray(address, { maxLength: 8 }),
  until: fc.nat(),
});
const request = fc.record({
  version: fc.integer({ min: 1, max: 9 }),
  home: hex32,
  peer: hex32,
  proof: bytes(64),
});
const answer = fc.record({
  kind: fc.constant('admitted' as const),
  sponsors: fc.array(hex32, { minLength: 1, maxLength: 100 }),
  bootstrap: fc.array(address, { maxLength: 50 }),
});

/** Some bytes of a message changed, cut or doubled. */
const spoilt = (message: Uint8Array, at: number, byte: number, keep: number): Uint8Array => {
  const copy = Uint8Array.from(message.subarray(0, Math.max(1, keep % (message.length + 1))));
  copy[at % copy.length] = byte;
  return copy;
};
const spoil = fc.tuple(fc.nat(), fc.nat(255), fc.nat());

describe('what joining sends', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(token, request, answer, (one, two, three) => {
        expect(decodeToken(encodeToken(one))).toEqual({ ok: true, value: one });
        expect(decodeJoinRequest(encodeJoinRequest(two))).toEqual({ ok: true, value: two });
        expect(decodeJoinAnswer(encodeJoinAnswer(three))).toEqual({ ok: true, value: three });
      }),
    );
  });

  it('never throws on rubbish, and what it reads it bounds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (rubbish) => {
        decodeJoinRequest(rubbish);
        const read = decodeJoinAnswer(rubbish);
        if (read.ok && read.value.kind === 'admitted')
          expect(read.value.sponsors.length).toBeLessThanOrEqual(100);
        decodeToken(`hedgerow-invite1.${Buffer.from(rubbish).toString('base64url')}`);
      }),
      { numRuns: 2_000 },
    );
  });

  it('never throws on what is almost right, and a token that was changed is not read', () => {
    fc.assert(
      fc.property(token, request, answer, spoil, (one, two, three, [at, byte, keep]) => {
        decodeJoinRequest(spoilt(encodeJoinRequest(two), at, byte, keep));
        decodeJoinAnswer(spoilt(encodeJoinAnswer(three), at, byte, keep));
        const text = Buffer.from(encodeToken(one).slice('hedgerow-invite1.'.length), 'base64url');
        const other = spoilt(text, at, byte, keep);
        const same = Buffer.from(other).equals(text);
        expect(decodeToken(`hedgerow-invite1.${Buffer.from(other).toString('base64url')}`).ok).toBe(same);
      }),
      { numRuns: 1_000 },
    );
  });

  it('never throws on any text', () => {
    fc.assert(fc.property(fc.string({ maxLength: 5_000 }), (text) => void decodeToken(text)));
  });
});

it('what was saved of invitations may be anything', () => {
  const clock = new FakeClock();
  const options = { clock, clockTrusted: () => true, isUsed: () => false, save: () => undefined };
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      expect(new Invitations({ ...options, load: () => text }).list().length).toBeLessThanOrEqual(32);
    }),
  );
  const [one] = [{ key: key(1).peer, admin: true, by: 'anna', until: clock.now() + 5_000 }];
  const kept = new Invitations({ ...options, load: () => JSON.stringify([one, { key: 'x' }, 7]) });
  expect(kept.list()).toEqual([expect.objectContaining({ key: key(1).peer })]);
});
