import { expect, test } from 'vitest';
import { reachWords } from '../../../../src/cli/verbs/status.ts';
import { parseConfig } from '../../../../src/config-file.ts';
import { blockedInside, reachOf } from '../../../../src/control/views/status.ts';

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
