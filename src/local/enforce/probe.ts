import type { Clock } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Exec } from '../exec.ts';
import type { Backend } from './backend.ts';
import { complaint } from './complaint.ts';
import { DryRunBackend } from './dry-run-backend.ts';
import { IpsetBackend } from './ipset-backend.ts';
import { chooseIptables } from './iptables.ts';
import { NftBackend } from './nft/nft-backend.ts';
import type { OwnPorts } from './nft/own.ts';
import { probeBridges, probeNft, probeOwn } from './nft/probe.ts';
import { type ForOwn, OwnTraffic } from './own-traffic.ts';
import { Successor } from './remains.ts';
import { type ForBridges, SameSwitch } from './same-switch.ts';
import type { SlotMemory } from './slots.ts';

export interface ChooseOptions {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Log;
  readonly slots: SlotMemory;
  /** Interfaces towards the internet; possibly several, possibly none. */
  readonly wan: readonly string[];
  /** What the router itself sends and receives is to be judged as well, but for these ports; absent: nobody asked for it. */
  readonly own?: OwnPorts | undefined;
}

/** A backend, or none: then the agent only observes, says why, and does not claim to enforce. */
export type Choice =
  | { readonly role: 'enforcer'; readonly backend: Backend }
  | { readonly role: 'observer'; readonly reason: string };

const TIMEOUT_MS = 10_000;
const TRY_AGAIN_MS = 60_000;
const PROBE_SETS = { 4: 'hedge-probe-4', 6: 'hedge-probe-6' } as const;
const MAKE = `create ${PROBE_SETS[4]} hash:ip family inet maxelem 1048576 counters
create ${PROBE_SETS[6]} hash:ip family inet6 maxelem 1048576 counters
create hedge-probe-n hash:net family inet
add ${PROBE_SETS[4]} 192.0.2.1
add ${PROBE_SETS[6]} 2001:db8::1
add hedge-probe-n 192.0.2.0/24
`;

/**
 * Chooses the backend by doing: create sets, add to them, refer to them from unhooked chains, delete it all. Versions
 * are not asked, they tell little. `auto` is ipset where it works, else nftables. Throws ConfigError for an impossible
 * interface name; whatever does not work makes an observer.
 */
export async function chooseBackend(
  config: 'auto' | 'ipset' | 'nftables' | 'dry-run',
  options: ChooseOptions,
  signal: AbortSignal,
): Promise<Choice> {
  if (config === 'dry-run') return { role: 'enforcer', backend: new DryRunBackend(options) };
  const reasons: string[] = [];
  for (const one of config === 'auto' ? (['ipset', 'nftables'] as const) : [config]) {
    try {
      const backend = await (one === 'ipset'
        ? openIpset(options, signal)
        : openNft(options, reasons[0] ?? 'as configured', signal));
      const former = one === 'ipset' ? 'nftables' : 'ipset';
      const beside = new SameSwitch(backend, await openBridges(options, signal));
      const own = new OwnTraffic(beside, await openOwn(options, signal));
      return { role: 'enforcer', backend: new Successor(own, former, options) };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Error && error.name === 'ConfigError') throw error;
      reasons.push(messageOf(error));
    }
  }
  return { role: 'observer', reason: reasons.join('; ') };
}

/**
 * Where nothing worked: tries again once a minute, for tools get installed and modules are loaded late. Answers what works, of
 * which nothing is left running. Rejects when the signal aborts, and as {@link chooseBackend} does.
 */
export async function untilOneWorks(
  config: Parameters<typeof chooseBackend>[0],
  options: ChooseOptions,
  signal: AbortSignal,
): Promise<string> {
  for (;;) {
    await options.clock.sleep(TRY_AGAIN_MS, signal);
    const choice = await chooseBackend(config, options, signal);
    if (choice.role === 'observer') continue;
    await choice.backend.stop();
    return choice.backend.name;
  }
}

async function openIpset(options: ChooseOptions, signal: AbortSignal): Promise<Backend> {
  const { exec } = options;
  try {
    const made = await exec.run(['ipset', '-exist', 'restore'], {
      input: MAKE,
      timeoutMs: TIMEOUT_MS,
      signal,
    });
    if (made.code !== 0) throw complaint('ipset', made);
    const iptables = await chooseIptables(exec, PROBE_SETS, signal);
    return new IpsetBackend({ ...options, iptables });
  } finally {
    await removeProbeSets(options);
  }
}

async function openNft(options: ChooseOptions, why: string, signal: AbortSignal): Promise<Backend> {
  await probeNft(options.exec, options.log, signal);
  return new NftBackend({ ...options, why });
}

/** Both backends block on bridges with a table of nftables. */
async function openBridges(options: ChooseOptions, signal: AbortSignal): Promise<ForBridges> {
  const { exec, log } = options;
  const why = await probeBridges(exec, log, signal);
  if (why !== undefined) return { table: undefined, why, exec };
  return { table: new NftBackend({ ...options, why: 'bridges', of: 'bridged' }), why: '', exec };
}

/** What the router itself sends and receives takes a table of nftables with either backend. */
async function openOwn(options: ChooseOptions, signal: AbortSignal): Promise<ForOwn> {
  const { exec, clock, log, own } = options;
  const none = (why: string): ForOwn => ({ table: undefined, why, exec, clock, log });
  if (own === undefined) return none('enforce.ownTraffic is off');
  if (options.wan.length === 0) return none('no interface towards the internet is known');
  const tracked = own.tracked && (await probeOwn(exec, log, signal, true)) === undefined;
  const why = tracked ? undefined : await probeOwn(exec, log, signal);
  if (why !== undefined) return none(`the router's own traffic needs nftables: ${why}`);
  const ports = { ...own, tracked };
  const table = new NftBackend({ ...options, why: 'the router itself', of: 'own', ports });
  return { table, tracked, why: '', exec, clock, log };
}

/** A set that is not there is no failure; without ipset, or with one that hangs, there is nothing to remove. */
async function removeProbeSets({ exec, log }: ChooseOptions): Promise<void> {
  for (const name of [...Object.values(PROBE_SETS), 'hedge-probe-n']) {
    try {
      const { code } = await exec.run(['ipset', 'destroy', name], { timeoutMs: TIMEOUT_MS });
      if (code === -1) return;
    } catch (error) {
      log.debug({ error: messageOf(error) }, 'a probe set was not removed');
      return;
    }
  }
}
