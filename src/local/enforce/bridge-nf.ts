import type { Exec } from '../exec.ts';

const TIMEOUT_MS = 5_000;
const SETTINGS = ['iptables', 'ip6tables'].map((tool) => `/proc/sys/net/bridge/bridge-nf-call-${tool}`);

/**
 * Whether the kernel shows what passes a bridge to the chains of what is routed, for both families
 * (networking/netfilter-sysctl.rst). Taken as it is found: firewalls and container engines turn it on and off.
 */
export async function isBridgeNfOn(exec: Exec, signal: AbortSignal): Promise<boolean> {
  const { stdout } = await exec.run(['cat', ...SETTINGS], { timeoutMs: TIMEOUT_MS, signal });
  return /^1\s+1\s*$/.test(stdout);
}
