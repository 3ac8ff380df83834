import { expect, it } from 'vitest';
import { gossipId } from '../../../src/p2p/gossip-id.ts';

it('is the same for the publisher and the number of a message, whatever else is on it', () => {
  const [a, b] = [Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 4)];
  const [one, two] = [new Uint8Array(8), new Uint8Array(8).fill(1)];
  const id = gossipId({ from: a, seqno: one });
  expect(gossipId({ from: Uint8Array.of(9, 1, 2, 3).subarray(1), seqno: one.slice() })).toBe(id);
  expect(
    new Set([id, gossipId({ from: b, seqno: one }), gossipId({ from: a, seqno: two }), gossipId({})]).size,
  ).toBe(4);
});
