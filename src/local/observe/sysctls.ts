import type { Exec } from '../exec.ts';
import { tryRun } from './try-run.ts';

/** Whether the kernel counts what connections carry. */
export const ACCOUNTING = 'net.netfilter.nf_conntrack_acct';
/**
 * Counters, begin times and events of conntrack entries; per network namespace (nf_conntrack-sysctl.rst). With the
 * default 2 of events, the ends of entries that began while nobody listened are not told.
 */
const WANTED = {
  [ACCOUNTING]: '1',
  'net.netfilter.nf_conntrack_timestamp': '1',
  'net.netfilter.nf_conntrack_events': '1',
};

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
  const run = (...argv: string[]) => tryRun(exec, ['sysctl', ...argv], { timeoutMs: 5_000, signal });
  const set = async ([key, value]: [string, string]): Promise<void> => {
    const read = await run('-n', key);
    const before = read.stdout.trim();
    if (read.code === 0 && before === value) return;
    // Noted first: an end in the middle must not leave it changed. To put back what was not changed harms nothing.
    const change = { key, before };
    if (/^\d+$/.test(before)) changed.push(change);
    const write = await run('-w', `${key}=${value}`);
    const after = await run('-n', key);
    if (write.code === 0 && after.stdout.trim() === value) return;
    refused.push(key);
    if (changed.includes(change)) changed.splice(changed.indexOf(change), 1);
  };
  // All at once: what passes before is not counted.
  await Promise.all(Object.entries(WANTED).map(set));
  return refused;
}

/** Puts back what was changed; what fails is left as it is. */
export async function putBackSysctls(exec: Exec, changes: readonly SysctlChange[]): Promise<void> {
  for (const { key, before } of changes) {
    await tryRun(exec, ['sysctl', '-w', `${key}=${before}`], { timeoutMs: 1_000 });
  }
}
