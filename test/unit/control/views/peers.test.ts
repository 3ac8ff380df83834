import { describe, expect, it } from 'vitest';
import type { Parts } from '../../../../src/control/parts.ts';
import { overlayProblems } from '../../../../src/control/views/overlay-problems.ts';
import { countWords } from '../../../../src/control/views/peer-words.ts';
import { peersView } from '../../../../src/control/views/peers.ts';
import type { PeerView } from '../../../../src/p2p/peer-view.ts';
import { key } from '../../../support/household.ts';
import { fakeParts } from '../../../support/parts.ts';
import { peerRow } from '../../../support/peer-row.ts';
import { peerView } from '../../../support/peer-view.ts';

const [SHED, KITCHEN] = [key(1).peer, key(2).peer];

function partsWith(more: Partial<Parts>, ...peers: PeerView[]): Parts {
  const parts = fakeParts();
  return {
    ...parts,
    network: { ...parts.network, peers: () => peers } as unknown as Parts['network'],
    ...more,
  };
}

describe('the view of the other routers', () => {
  it('names routers, counts in seconds, and says what is not known', () => {
    const view = peerView(SHED, {
      state: 'suspect',
      sinceMs: 4_400,
      heardBy: KITCHEN,
      appliedVia: KITCHEN,
      theirToleranceMs: undefined,
      clockOffsetMs: undefined,
    });
    const parts = partsWith({ absent: (peer) => peer === SHED }, view);
    const [row] = peersView(parts);
    expect(row).toMatchObject({
      peer: SHED,
      state: 'suspect',
      sinceSeconds: 4,
      heardBy: parts.directory.routerName(KITCHEN),
      appliedVia: parts.directory.routerName(KITCHEN),
      absent: true,
      toleranceSeconds: 6,
      theirToleranceSeconds: undefined,
      clock: { trusted: true, aheadSeconds: undefined },
      link: { state: 'up', sinceSeconds: 300, reason: 'all' },
    });
  });

  it.each<[string, Partial<PeerView>, number | undefined]>([
    ['equal digests', { digestEqual: true, changes: 7 }, 0],
    ['fewer than here', { digestEqual: false, changes: 0 }, 0],
    ['more than here', { digestEqual: false, changes: 9 }, -9],
    ['nothing said', { digestEqual: false, changes: undefined }, undefined],
  ])('tells by how much it is behind: %s', (_, said, behind) => {
    const parts = partsWith({}, peerView(SHED, said));
    const expected = behind === undefined || said.digestEqual === true ? behind : parts.replica.size + behind;
    expect(peersView(parts)[0]?.changesBehind).toBe(expected);
  });
});

describe('how many are how', () => {
  it('in the order of a life, without what nobody is', () => {
    const surplus = { state: 'down', sinceSeconds: 1, reason: 'surplus', closed: undefined } as const;
    const rows = [
      peerRow('a', { state: 'down' }),
      peerRow('b'),
      peerRow('c', { state: 'unknown' }),
      peerRow('d', { state: 'suspect', heardBy: 'b' }),
      peerRow('e', { state: 'suspect', heardBy: 'b', link: surplus }),
      peerRow('f', { state: 'unknown', link: surplus }),
    ];
    expect(countWords(rows)).toBe(
      '1 alive, 1 heard by others, 1 not linked, 1 suspect, 1 down, 1 not heard of yet',
    );
  });
});

describe('what is wrong between the routers', () => {
  const told = (more: Partial<Parts>, changes: Partial<PeerView>) => {
    const parts = partsWith(more, peerView(SHED, changes));
    const [shed, kitchen] = [SHED, KITCHEN].map((peer) => parts.directory.routerName(peer));
    return overlayProblems(parts).map((problem) =>
      problem.replace(shed ?? '', 'SHED').replace(kitchen ?? '', 'KITCHEN'),
    );
  };
  const surplus = { state: 'down', sinceMs: 1, reason: 'surplus', closed: undefined } as const;

  it.each<[string, Partial<PeerView>, string[]]>([
    ['alive', {}, []],
    ['suspect', { state: 'suspect' }, []],
    [
      'heard by another',
      { state: 'suspect', heardBy: KITCHEN },
      ['SHED is heard by KITCHEN, and not by this router'],
    ],
    ['not linked by choice', { state: 'suspect', heardBy: KITCHEN, link: surplus }, []],
    ['nowhere, by choice', { state: 'unknown', link: surplus }, []],
    ['down', { state: 'down' }, ['SHED cannot be reached']],
    ['pruned', { state: 'pruned' }, ['SHED cannot be reached']],
    ['gone by itself', { state: 'left' }, []],
    ['not heard of', { state: 'unknown' }, ['SHED cannot be reached']],
  ])('of one that is %s', (_, changes, problems) => {
    expect(told({}, changes)).toEqual(problems);
  });

  it('with the gateway and on the networks', () => {
    const failed = { state: 'failed', external: undefined, why: 'no gateway answered' } as const;
    const discovery = { stats: () => ({}), problems: () => ['port 5353 is taken'] };
    expect(told({ portMapping: () => failed, discovery }, {})).toEqual([
      'port 5353 is taken',
      'no port of the gateway leads here (p2p.portMapping): no gateway answered',
    ]);
    expect(told({ portMapping: () => ({ ...failed, state: 'mapped' }) }, {})).toEqual([]);
  });
});
