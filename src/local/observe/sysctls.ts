import type { Exec } from '../exec.ts';
import { tryRun } from './try-run.ts';

/** Counters and begin times of conntrack entries; per network namespace (nf_conntrack-sysctl.rst). */
const WANTED = { 'net.netfilter.nf_conntrack_acct': '1', 'net.netfilter.nf_conntrack_timestamp': '1' };

export interface SysctlChange {
  readonly key: string;
  readonly before: string;
}

/** Sets what counting needs: adds to `changed` what is to be put back, answers what could not be set. */
export async function setSysctls(
  exec: Exec,
  changed: SysctlChange[],
  signal: AbortSignal,
): Promise<string[]> {
  const refused: string[] = [];
  for (const [key, value] of Object.entries(WANTED)) {
    const read = await tryRun(exec, ['sysctl', '-n', key], { timeoutMs: 5_000, signal });
    const before = read.stdout.trim();
    if (read.code === 0 && before === value) continue;
    // Noted first: an end in the middle must not leave it changed. To put back what was not changed harms nothing.
    if (/^\d+$/.test(before)) changed.push({ key, before });
    const write = await tryRun(exec, ['sysctl', '-w', `${key}=${value}`], { timeoutMs: 5_000, signal });
    const after = await tryRun(exec, ['sysctl', '-n', key], { timeoutMs: 5_000, signal });
    if (write.code === 0 && after.stdout.trim() === value) continue;
    refused.push(key);
    if (changed.at(-1)?.key === key) changed.pop();
  }
  return refused;
}

/** Puts back what was changed; what fails is left as it is. */
export async function putBackSysctls(exec: Exec, changes: readonly SysctlChange[]): Promise<void> {
  for (const { key, before } of changes) {
    await tryRun(exec, ['sysctl', '-w', `${key}=${before}`], { timeoutMs: 1_000 });
  }
}
