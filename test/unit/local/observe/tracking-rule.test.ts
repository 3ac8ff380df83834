import { expect, test } from 'vitest';
import { isOurChain } from '../../../../src/local/enforce/names.ts';
import { TrackingRule } from '../../../../src/local/observe/tracking-rule.ts';
import { silentLog } from '../../../../src/log.ts';
import { ScriptedExec } from './scripted-exec.ts';

const signal = new AbortController().signal;

type Tool = 'nft' | 'iptables' | 'ip6tables';

/** A machine with some of the tools, and what they made. */
function machine(tools: Set<Tool>, made = new Set<string>()) {
  const exec = new ScriptedExec((command) => {
    const tool = command.split(/[ -]/)[0] as Tool;
    if (!tools.has(tool)) return 'missing';
    const list = /^nft list table (\S+)/.exec(command)?.[1];
    if (list !== undefined) return { code: made.has(`nft ${list}`) ? 0 : 1, stderr: 'No such file' };
    const gone = /^nft delete table (\S+)/.exec(command)?.[1];
    if (gone !== undefined) return { code: made.delete(`nft ${gone}`) ? 0 : 1 };
    if (/ -S /.test(command)) return { code: made.has(tool) ? 0 : 1, stderr: 'No chain' };
    return {};
  });
  return { exec, made, rule: new TrackingRule(exec, silentLog) };
}

test('nft first; once there it is not made again', async () => {
  const { exec, made, rule } = machine(new Set(['nft', 'ip6tables']));
  await rule.ensure(6, signal);
  expect(rule.told).toEqual(['IPv6 (nft)']);
  made.add('nft ip6');
  const { length } = exec.calls;
  await rule.ensure(6, signal);
  expect(exec.calls.slice(length)).toEqual(['nft list table ip6 hedgerow_track']);
  await rule.remove();
  expect(rule.told).toEqual([]);
  expect(made.size).toBe(0);
});

test('iptables where nft does not work; the family decides which', async () => {
  const { exec, rule } = machine(new Set(['iptables', 'ip6tables']));
  await rule.ensure(4, signal);
  await rule.ensure(6, signal);
  expect(rule.told).toEqual(['IPv4 (iptables)', 'IPv6 (iptables)']);
  await rule.remove();
  expect(exec.calls.slice(-2)).toEqual([
    'iptables-restore -w 5 --noflush',
    'ip6tables-restore -w 5 --noflush',
  ]);
});

test('where neither works that is said', async () => {
  const { rule } = machine(new Set());
  await rule.ensure(4, signal);
  expect(rule.told).toEqual([]);
  expect(rule.lastError).toContain('iptables-restore');
});

test('what a crash left behind is taken over, and goes', async () => {
  const { made, rule } = machine(new Set(['nft', 'ip6tables']), new Set(['nft ip', 'ip6tables']));
  await rule.adopt(signal);
  expect(rule.told).toEqual(['IPv4 (nft)', 'IPv6 (iptables)']);
  await rule.remove(signal);
  expect(made.has('nft ip')).toBe(false);
});

test('a rule that somebody took away is made again', async () => {
  const { exec, rule } = machine(new Set(['nft']));
  await rule.ensure(4, signal);
  const { length } = exec.calls;
  await rule.ensure(4, signal);
  expect(exec.calls.slice(length)).toEqual(['nft list table ip hedgerow_track', 'nft -f -']);
});

test('its chain is none of enforcement’s', () => {
  expect(isOurChain('HEDGEROW-TRACK')).toBe(false);
});
