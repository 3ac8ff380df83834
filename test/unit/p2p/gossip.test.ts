import { expect, it } from 'vitest';
import { judgeOp, judgeRegister, topicsOf } from '../../../src/p2p/gossip.ts';

it.each([
  ['ok', 'accept', false, 'publisher'],
  ['held', 'ignore', false, 'sender'],
  ['cut', 'ignore', false, 'sender'],
  ['gap', 'ignore', true, 'publisher'],
  ['stranger', 'ignore', true, 'publisher'],
  ['rubbish', 'reject', false, 'sender'],
] as const)('an op that is %s: %s, ask the sender: %s, paid by the %s', (verdict, relay, behind, payer) => {
  expect(judgeOp(verdict)).toEqual({ relay, behind, payer });
});

it.each([
  ['ok', 'accept', 'publisher'],
  ['held', 'ignore', 'sender'],
  ['stranger', 'ignore', 'publisher'],
  ['full', 'ignore', 'publisher'],
  ['rubbish', 'reject', 'sender'],
] as const)('a register that is %s: %s, paid by the %s', (verdict, relay, payer) => {
  expect(judgeRegister(verdict)).toEqual({ relay, behind: false, payer });
});

it('every home has its own topics', () => {
  const [a, b] = ['a', 'b'].map((letter) => Object.values(topicsOf(letter.repeat(64)))) as [
    string[],
    string[],
  ];
  expect(new Set([...a, ...b]).size).toBe(6);
});
