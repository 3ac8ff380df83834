import { expect, it } from 'vitest';
import { judgeOp, judgeRegister, topicsOf } from '../../../src/p2p/gossip.ts';

it.each([
  ['ok', 'accept', false],
  ['held', 'ignore', false],
  ['cut', 'ignore', false],
  ['gap', 'ignore', true],
  ['stranger', 'ignore', true],
  ['rubbish', 'reject', false],
] as const)('an op that is %s: %s, ask the sender: %s', (verdict, relay, behind) => {
  expect(judgeOp(verdict)).toEqual({ relay, behind });
});

it.each([
  ['ok', 'accept'],
  ['held', 'ignore'],
  ['stranger', 'ignore'],
  ['full', 'ignore'],
  ['rubbish', 'reject'],
] as const)('a register that is %s: %s', (verdict, relay) => {
  expect(judgeRegister(verdict)).toBe(relay);
});

it('every home has its own topics', () => {
  expect(topicsOf('a'.repeat(64)).ops).not.toBe(topicsOf('b'.repeat(64)).ops);
});
