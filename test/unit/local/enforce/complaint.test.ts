import { expect, test } from 'vitest';
import { complaint, printable } from '../../../../src/local/enforce/complaint.ts';

test.each([
  [1, 'ipset v7.17: Kernel error received: Operation not permitted', 'CAP_NET_ADMIN'],
  [1, 'ipset v7.17: Error in line 3: Hash is full, cannot add more elements', 'block fewer'],
  [1, 'Error: Could not process rule: Cannot allocate memory', 'block fewer'],
  [4, 'Another app is currently holding the xtables lock; still 9s 0us time ahead', 'another program'],
  [4, "Fatal: can't open lock file /run/xtables.lock: Permission denied", '/run/xtables.lock'],
  [1, 'ipset v7.17: Cannot open session to kernel.', 'modules'],
  [1, "iptables-nft-restore v1.8.9 (nf_tables): Can't open socket to ipset.", 'CAP_NET_RAW'],
  [127, 'sh: nft: not found', 'installed'],
  [-1, `${'y\n'.repeat(1_000)}Command timed out after 15000 milliseconds: ipset list -t`, 'hangs'],
  [3, '', 'exit code 3'],
])('exit code %d, %s: says what to do', (code, stderr, advice) => {
  const error = complaint('a tool', { code, stderr });
  expect(error.name).toBe('TemporaryError');
  expect(error.message).toMatch(/^a tool failed: /);
  expect(error.message).toContain(advice);
});

test('the words of a tool are cut short and printable', () => {
  const { message } = complaint('a tool', { code: 1, stderr: `a\u0000\u001b[31mb\n${'x'.repeat(10_000)}` });
  expect(message).toMatch(/^a tool failed: a \[31mb x+$/);
  expect(message.length).toBeLessThan(400);
  expect(printable('\n \t')).toBe('');
});
