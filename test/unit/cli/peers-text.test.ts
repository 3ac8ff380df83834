import { describe, expect, it } from 'vitest';
import { peersLines, widePeersLines } from '../../../src/cli/peers-text.ts';
import type { PeerRow } from '../../../src/control/views/peers.ts';
import { peerRow } from '../../support/peer-row.ts';

const down = { state: 'down', sinceSeconds: 4, reason: 'all', closed: undefined } as const;
const surplus = { state: 'down', sinceSeconds: 4, reason: 'surplus', closed: undefined } as const;

/** The row of one router, without its name; or what is said of it below the table. */
const shown = (changes: Partial<PeerRow>) => {
  const [, , , row = '', ...remarks] = peersLines([peerRow('shed', changes)]);
  return [row.replace(/^shed +/, '').replaceAll(/ {2,}/g, ' | '), ...remarks];
};

describe('the other routers, for a person', () => {
  it('are told in a line first, then one by one', () => {
    expect(peersLines([peerRow('kitchen'), peerRow('shed', { state: 'down', inStep: undefined })])).toEqual([
      '1 alive, 1 down',
      '',
      'ROUTER   STATE  SINCE   CHANGES  KERNEL  RTT     WAITS',
      'kitchen  alive  50 min  in step  yes     1.2 ms  6 s / 4 min',
      'shed     down   50 min  differ   yes     1.2 ms  6 s / 4 min',
    ]);
  });

  it.each<[string, Partial<PeerRow>, string[]]>([
    [
      'suspect',
      { state: 'suspect', heardBy: 'kitchen' },
      ['suspect, heard by kitchen | 50 min | in step | yes | 1.2 ms | 6 s / 4 min'],
    ],
    [
      'linked with others by choice',
      { state: 'suspect', heardBy: 'kitchen', link: surplus },
      ['heard by kitchen | 50 min | in step | yes | 1.2 ms | 6 s / 4 min'],
    ],
    [
      'not heard of',
      {
        state: 'unknown',
        inStep: undefined,
        changesBehind: undefined,
        rttMs: undefined,
        theirToleranceSeconds: undefined,
        applied: false,
        clock: { trusted: undefined, aheadSeconds: undefined },
      },
      ['not heard of yet | 50 min | ? | no | – | 6 s / –'],
    ],
    [
      'behind',
      { inStep: false, changesBehind: 12 },
      ['alive | 50 min | 12 behind | yes | 1.2 ms | 6 s / 4 min'],
    ],
    [
      'ahead',
      { inStep: false, changesBehind: -3 },
      ['alive | 50 min | 3 ahead | yes | 1.2 ms | 6 s / 4 min'],
    ],
    ['different with as many', { inStep: false }, ['alive | 50 min | differ | yes | 1.2 ms | 6 s / 4 min']],
    [
      'slow to speak',
      { toleranceSeconds: 40, stretched: true },
      [
        'alive | 50 min | in step | yes | 1.2 ms | 40 s* / 4 min',
        '! shed cannot speak as often as asked (*): it is waited for 40 s',
      ],
    ],
    [
      'of another time',
      { clock: { trusted: false, aheadSeconds: -200 } },
      [
        'alive | 50 min | in step | yes | 1.2 ms | 6 s / 4 min',
        '! shed has a clock that is 3 min behind',
        '! shed does not trust its clock',
      ],
    ],
    [
      'away for long',
      { state: 'pruned', absent: true, lastError: 'dial: refused' },
      [
        'pruned | 50 min | in step | yes | 1.2 ms | 6 s / 4 min',
        '! shed has been away for long: if it does not come back, hedgerow evict shed',
        '! shed could not be reached: dial: refused',
      ],
    ],
    [
      'alive without a link',
      { link: { ...down, closed: 'silent for 6 s' } },
      ['alive | 50 min | in step | yes | 1.2 ms | 6 s / 4 min', '! shed is not linked: silent for 6 s'],
    ],
    [
      'a flood',
      { flooding: { sinceMs: 1, over: 7 } as unknown as PeerRow['flooding'] },
      [
        'alive | 50 min | in step | yes | 1.2 ms | 6 s / 4 min',
        '! shed sends more changes than its share, and is slowed',
      ],
    ],
  ])('one that is %s', (_, changes, lines) => {
    expect(shown(changes)).toEqual(lines);
  });

  it('fit into 100 columns, whatever they are called', () => {
    const long = peerRow('a-name-of-thirty-two-characters-', {
      state: 'suspect',
      heardBy: 'another-name-of-32-characters---',
      changesBehind: 123_456,
      inStep: false,
      rttMs: 12_345,
      toleranceSeconds: 7_100,
      theirToleranceSeconds: 7_100,
      stretched: true,
    });
    const many = Array.from({ length: 60 }, (_, n) => peerRow(`router-${n}-of-the-street`));
    for (const line of peersLines([long, ...many])) expect(line.length, line).toBeLessThanOrEqual(100);
  });

  it('of which there is nothing to tell are only named when they are many', () => {
    const many = Array.from({ length: 30 }, (_, n) => peerRow(`r${n}`));
    const lines = peersLines([...many, peerRow('shed', { state: 'down', inStep: undefined })]);
    expect(lines[0]).toBe('30 alive, 1 down');
    expect(lines.filter((line) => line.startsWith('r'))).toEqual([]);
    expect(lines.join('\n')).toMatch(/\nshed .*\n\n30 in step and in force: r0, r1, .* r29$/s);
    const unlinked = many.map((row) => ({
      ...row,
      state: 'unknown' as const,
      inStep: undefined,
      link: surplus,
    }));
    expect(peersLines(unlinked)[0]).toBe('30 not linked');
    expect(peersLines(unlinked)[2]).toMatch(/^30 not linked with this router, by choice: r0, r1, /);
    expect(widePeersLines(many)).toHaveLength(33);
  });

  it('are told with everything when it may be wide', () => {
    const row = peerRow('shed', {
      appliedVia: 'kitchen',
      absent: true,
      link: { ...down, closed: 'too old' },
    });
    const [, , head = '', line = ''] = widePeersLines([row]);
    expect(head).toMatch(/^ROUTER +KEY .* ADDRESS +LAST ERROR$/);
    for (const part of [
      'abababab',
      'alive, absent',
      'yes, via kitchen',
      'down for 4 s',
      'too old',
      'trusted',
      '1.2 MB',
    ])
      expect(line).toContain(part);
  });

  it('may come from an agent of another version', () => {
    const { router, state, sinceSeconds, applied } = peerRow('shed');
    expect(peersLines([{ router, state, sinceSeconds, applied }])[3]).toMatch(/^shed +alive +50 min +\? /);
    expect(widePeersLines([{ router, state, sinceSeconds, applied }])).toHaveLength(4);
  });

  it('say so when there are none', () => {
    expect(peersLines([])).toEqual(['this router is alone in its home']);
    expect(widePeersLines([])).toEqual(['this router is alone in its home']);
  });
});
