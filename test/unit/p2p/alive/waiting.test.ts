import { describe, expect, it } from 'vitest';
import { Waiting } from '../../../../src/p2p/alive/waiting.ts';

const BY = new Map([
  ['mine', 'self'],
  ['near', 'linked'],
  ['far', 'unlinked'],
  ['faint', 'silent'],
  ['lost', 'unheard'],
]);
const waiting = new Waiting({
  self: 'self',
  authorOf: (op) => BY.get(op),
  isLinked: (peer) => peer !== 'gone' && !peer.startsWith('un'),
  isAlive: (peer) => peer === 'linked',
  hearers: (peer) => (peer === 'unheard' ? [] : ['gone', 'a', 'b', 'c']),
});

describe('who is told at once of ops that reached the kernel', () => {
  it.each([
    ['nothing new: nobody', [], []],
    ['our own: nobody', ['mine'], []],
    ['of one that we have a link with: that one', ['near', 'near', 'mine'], ['linked']],
    ['of one that others hear: two of those that we have a link with', ['far'], ['a', 'b']],
    ['of one whose link may be gone: that one too', ['faint'], ['a', 'b', 'silent']],
    ['several', ['far', 'near'], ['a', 'b', 'linked']],
    ['of one that nobody hears: everybody, as far as we know', ['near', 'lost'], undefined],
    ['one that we do not hold: everybody', ['near', 'unknown'], undefined],
  ])('%s', (_, ops, told) => {
    const ways = waiting.ways(ops);
    expect(ways && [...ways]).toEqual(told);
  });

  it('by others: their authors alone', () => {
    expect([...(waiting.authors(['mine', 'near', 'far', 'lost']) ?? [])]).toEqual([
      'linked',
      'unlinked',
      'unheard',
    ]);
    expect(waiting.authors(['near', 'unknown'])).toBeUndefined();
  });
});
