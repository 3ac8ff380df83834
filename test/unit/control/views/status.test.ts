import { describe, expect, test } from 'vitest';
import { reachWords } from '../../../../src/cli/verbs/status.ts';
import { parseConfig } from '../../../../src/config-file.ts';
import { idleProblem, idleWords } from '../../../../src/control/views/idle.ts';
import { blockedInside, reachOf, statusView } from '../../../../src/control/views/status.ts';
import type { EnforcerHealth, UnderWay } from '../../../../src/local/enforce/enforcer-health.ts';
import { emptyBlockSet } from '../../../../src/policy/block-set.ts';
import { fakeParts } from '../../../support/parts.ts';

test('a bridge that forwards nothing blocks between the devices on it, if anything', () => {
  const onBridge = (name: string): boolean => name.startsWith('br');
  expect(blockedInside(['br0', 'eth1'], onBridge)).toBe(
    'it blocks only what devices on br0 send to each other through it',
  );
  for (const nothing of [
    blockedInside(['eth1'], onBridge),
    blockedInside([], onBridge),
    blockedInside(['br0']),
  ])
    expect(nothing).toBe('it blocks nothing');
});

describe('what is told of enforcement', () => {
  const lastDrift = { what: 'jump', name: 'HEDGEROW', detail: 'gone', secondsAgo: 3 } as const;
  const hangs: UnderWay = { seconds: 4, before: emptyBlockSet };

  test.each<[string, Partial<EnforcerHealth>, UnderWay | undefined, RegExp[]]>([
    ['nothing, while a change is quick', {}, { ...hangs, seconds: 2 }, []],
    ['a change that hangs', {}, hangs, [/has not taken the newest change for 4 s/]],
    [
      'that nothing is enforced, and that alone',
      { enforcing: false, standing: false },
      hangs,
      [/^nothing is enforced/],
    ],
    [
      'a start that nobody has looked at yet',
      { enforcing: false },
      undefined,
      [/being brought up to date; what an earlier run has left there blocks until then$/],
    ],
    [
      'a start over the rules of an earlier run',
      { enforcing: false, standing: true },
      undefined,
      [/rules of an earlier run, which block; they are being taken over$/],
    ],
    [
      'a failure that leaves what was',
      { enforcing: false, standing: true, lastError: 'ipset: no' },
      undefined,
      [/^the newest changes are not in force.*: ipset: no; what was blocked before still is$/],
    ],
    [
      'a failure after which nobody knows what there is',
      { enforcing: false, lastError: 'ipset hangs' },
      undefined,
      [/what was before cannot be looked at: ipset hangs$/],
    ],
    ['a plan that cannot be kept', { planProblem: 'ENOSPC' }, undefined, [/for the next boot.*ENOSPC$/]],
    ['drift before it is repaired', { lastDrift }, undefined, [/jump HEDGEROW.*are being put right$/]],
    ['drift that was repaired', { lastDrift, driftRepairs: 2 }, undefined, [/were put right, 2 times/]],
  ])('%s', (_, health, run, told) => {
    const parts = fakeParts();
    const observer = { health: () => ({ lan: ['br-lan'], tracking: true, sources: [] }) };
    const { problems } = statusView({
      ...parts,
      observer: observer as unknown as typeof parts.observer,
      enforcer: Object.assign(Object.create(parts.enforcer), {
        health: () => ({ ...parts.enforcer.health(), ...health }),
        underWay: () => run,
      }),
    });
    expect(problems).toEqual(told.map((one) => expect.stringMatching(one)));
  });
});

test('a router that only observes tells of rules that stand in its kernel all the same', () => {
  const observer = { name: 'observer', detail: 'only observing: ipset is not installed' };
  const health = { halted: undefined, lastError: undefined };
  expect(idleProblem(observer, { ...health, standing: false })).toBe(
    'nothing is enforced on this router: only observing: ipset is not installed',
  );
  expect(idleProblem(observer, { ...health, standing: true })).toMatch(
    /enforces nothing new: only observing: .*still blocks what an earlier run has put there/,
  );
  expect(idleWords(observer, { ...health, standing: true })).toMatch(/what was blocked before still is$/);
});

test('it says what is judged beyond what is forwarded, and what is not', () => {
  const config = parseConfig('', 'a test');
  const asked = parseConfig('enforce: {ownTraffic: true}\n', 'a test');
  const seesInside = (name: string): boolean => name.startsWith('br');
  const lan = ['br0', 'eth1'];
  const said = (parts: Parameters<typeof reachOf>[0], enforcing = true) =>
    reachWords(reachOf(parts, { enforcing }, { lan }));
  const inside =
    'what is forwarded; what devices on br0 send to each other; not what those on eth1 send to each other; ';
  expect(said({ config, seesInside })).toBe(
    `${inside}not this router's own traffic (enforce.ownTraffic is off)`,
  );
  expect(said({ config: asked, seesInside, ownTraffic: () => undefined })).toBe(
    `${inside}this router's own traffic`,
  );
  expect(said({ config: asked, ownTraffic: () => "the router's own traffic needs nftables: no\nline" })).toBe(
    "what is forwarded; not what those on br0, eth1 send to each other; not this router's own traffic (the router's own traffic needs nftables: no)",
  );
  expect(
    reachOf({ config: asked, seesInside, ownTraffic: () => undefined }, { enforcing: false }, { lan }),
  ).toEqual({
    inside: [],
    notInside: lan,
    notOwn: 'nothing is enforced',
  });
});
