import { messageOf, TemporaryError } from '../../../errors.ts';
import type { Log } from '../../../log.ts';
import type { Exec } from '../../exec.ts';
import { printable } from '../complaint.ts';
import { transact } from './nft.ts';
import { parseListing } from './read.ts';

const PROBE = 'inet hedgerow_probe';
const TIMEOUT_MS = 10_000;
/** Everything of a kind that our table has, with nothing at the hook. */
const MAKE = [
  `add table ${PROBE}`,
  `add set ${PROBE} pairs { type ipv4_addr . ipv4_addr; }`,
  `add set ${PROBE} networks { type ether_addr . ipv6_addr; }`,
  `add set ${PROBE} home { type ipv6_addr; flags interval; }`,
  `add set ${PROBE} hits { type ipv4_addr; size 16; flags dynamic; counter; }`,
  `add map ${PROBE} wide { type ipv4_addr : verdict; }`,
  `add chain ${PROBE} there`,
  `add chain ${PROBE} here`,
  `add rule ${PROBE} there update @hits { ip saddr }`,
  `add rule ${PROBE} there counter drop`,
  `add rule ${PROBE} here ip saddr . ip daddr @pairs goto there`,
  `add rule ${PROBE} here ether saddr . ip6 daddr & ffff:: ^ 0:8000:: @networks goto there`,
  `add rule ${PROBE} here ip6 daddr != @home return`,
  `add rule ${PROBE} here ip saddr vmap @wide`,
  `add element ${PROBE} pairs { 192.0.2.1 . 192.0.2.2 }`,
  `add element ${PROBE} networks { 02:00:00:00:00:01 . 2001:8000:: }`,
  `add element ${PROBE} home { 2001:db8::/32 }`,
  `add element ${PROBE} wide { 192.0.2.1 : jump there }`,
];

const BRIDGE_PROBE = 'bridge hedgerow_probe';
/** What our table for bridges has beyond the other one; its chain at the hook holds no rule. */
const MAKE_BRIDGE = [
  `add table ${BRIDGE_PROBE}`,
  `add set ${BRIDGE_PROBE} pairs { type ether_addr . ipv4_addr; }`,
  `add set ${BRIDGE_PROBE} hits { type ipv6_addr; size 16; flags dynamic; counter; }`,
  `add chain ${BRIDGE_PROBE} bound { type filter hook forward priority -300; policy accept; }`,
  `add chain ${BRIDGE_PROBE} here`,
  `add chain ${BRIDGE_PROBE} there`,
  `add rule ${BRIDGE_PROBE} here meta protocol ip udp sport . udp dport { 67 . 68 } return`,
  `add rule ${BRIDGE_PROBE} here meta protocol vmap { ip : jump there, ip6 : jump there }`,
  `add rule ${BRIDGE_PROBE} there ether saddr . ip daddr @pairs counter drop`,
  `add rule ${BRIDGE_PROBE} there update @hits { ip6 saddr }`,
];

const OWN_PROBE = 'inet hedgerow_own_probe';
/** What our table for the router itself has beyond the others; its chains at the hooks hold no rule. */
const MAKE_OWN = [
  `add table ${OWN_PROBE}`,
  `add set ${OWN_PROBE} pairs { type ipv6_addr . ipv6_addr; }`,
  `add chain ${OWN_PROBE} received { type filter hook input priority -10; policy accept; }`,
  `add chain ${OWN_PROBE} sent { type filter hook output priority -10; policy accept; }`,
  `add chain ${OWN_PROBE} here`,
  `add rule ${OWN_PROBE} here meta pkttype { broadcast, multicast } return`,
  `add rule ${OWN_PROBE} here fib daddr type { broadcast, multicast } return`,
  `add rule ${OWN_PROBE} here udp sport . udp dport { 67 . 68 } return`,
  `add rule ${OWN_PROBE} here tcp sport { 53 } tcp flags & (syn | ack) != syn return`,
  `add rule ${OWN_PROBE} here ip6 saddr & :: ^ ::1 . ip6 daddr @pairs counter drop`,
];

/** Asks for connections, which not every kernel with nftables can. */
const MAKE_TRACKED = [...MAKE_OWN, `add rule ${OWN_PROBE} here udp sport { 53 } ct state != new return`];

/** The same of what the router itself sends and receives; with `tracked`, where its connections are to be asked for. */
export async function probeOwn(
  exec: Exec,
  log: Log,
  signal: AbortSignal,
  tracked = false,
): Promise<string | undefined> {
  return whyNot(OWN_PROBE, tracked ? MAKE_TRACKED : MAKE_OWN, exec, log, signal);
}

/**
 * Tries nftables on bridges the same way; answers why they do not work there, undefined when they do. A kernel may have
 * nftables without its bridge family.
 */
export async function probeBridges(exec: Exec, log: Log, signal: AbortSignal): Promise<string | undefined> {
  return whyNot(BRIDGE_PROBE, MAKE_BRIDGE, exec, log, signal);
}

async function whyNot(
  table: string,
  commands: readonly string[],
  exec: Exec,
  log: Log,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    await transact(exec, commands, signal);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return messageOf(error);
  } finally {
    await removeProbe(table, exec, log);
  }
}

/**
 * Tries nftables by doing: makes a table with all that ours needs, reads it as JSON, and takes it away. Throws
 * TemporaryError or UnavailableError with what the tool said.
 */
export async function probeNft(exec: Exec, log: Log, signal: AbortSignal): Promise<void> {
  try {
    await transact(exec, MAKE, signal);
    const { code, stdout, stderr } = await exec.run(['nft', '-j', 'list', 'table', ...PROBE.split(' ')], {
      timeoutMs: TIMEOUT_MS,
      signal,
    });
    const pairs = code === 0 ? parseListing(stdout, PROBE.split(' '))?.sets.get('pairs') : undefined;
    if (pairs?.[0] !== '192.0.2.1 . 192.0.2.2')
      throw new TemporaryError(`nft does not list as JSON: ${printable(stderr.slice(0, 300))}`);
  } finally {
    await removeProbe(PROBE, exec, log);
  }
}

async function removeProbe(table: string, exec: Exec, log: Log): Promise<void> {
  await exec
    .run(['nft', 'delete', 'table', ...table.split(' ')], { timeoutMs: TIMEOUT_MS })
    .catch((error: unknown) => log.debug({ error: messageOf(error) }, 'a probe table was not removed'));
}
