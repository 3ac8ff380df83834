import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { BlockSet } from '../../policy/block-set.ts';
import type { Exec } from '../exec.ts';
import type { Backend, Counter, Described, Drift, Outcome, Planned } from './backend.ts';
import type { Found as FoundChains } from './chains-text.ts';
import { NOTHING_TOLD, type Told } from './drift-watch.ts';
import { listSizes, restoreSets } from './ipset.ts';
import { Iptables, VARIANTS } from './iptables.ts';
import { parseSetName, ROOT } from './names.ts';
import { nextOf, TABLES } from './nft/names.ts';
import { foundIn, listTable, removeTable } from './nft/nft.ts';
import { isAtWork } from './nft/read.ts';
import { removal } from './resync.ts';
import { FAMILIES } from './rulebook.ts';

/**
 * Takes out of the kernel what the backend of this name has left there, maybe in another life of the agent. True if there
 * was something; a tool that is missing, or that the kernel does not know, has left nothing. Throws TemporaryError.
 */
export async function removeRemains(
  of: 'ipset' | 'nftables',
  exec: Exec,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return of === 'ipset' ? await removeIpset(exec, signal) : await removeTable(exec, signal);
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Takes out what an earlier life of the agent has left of the router's own traffic; a tool that is missing has left nothing. */
export async function removeOwn(exec: Exec, signal: AbortSignal): Promise<void> {
  await removeBeside(TABLES.own, exec, signal);
}

async function removeBeside(table: string, exec: Exec, signal: AbortSignal): Promise<void> {
  try {
    await removeTable(exec, signal, table);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Takes out all that any backend has left there, also beside what is routed. Throws TemporaryError. */
export async function removeAllRemains(exec: Exec, signal: AbortSignal): Promise<void> {
  await removeRemains('ipset', exec, signal);
  await removeRemains('nftables', exec, signal);
  for (const table of [TABLES.bridged, TABLES.own]) await removeBeside(table, exec, signal);
}

/**
 * Whether rules of ours for what is routed are in force, whichever backend has put them there in whatever life of the agent.
 * Throws TemporaryError where the kernel cannot be asked.
 */
export async function areRulesAtWork(exec: Exec, signal: AbortSignal): Promise<boolean> {
  const unlessMissing = (error: unknown): false => {
    if (isMissing(error)) return false;
    throw error;
  };
  const found = await Promise.all([
    isIpsetAtWork(exec, signal).catch(unlessMissing),
    isNftAtWork(exec, signal).catch(unlessMissing),
  ]);
  return found.includes(true);
}

async function isNftAtWork(exec: Exec, signal: AbortSignal): Promise<boolean> {
  const text = await listTable(exec, true, signal);
  return [TABLES.routed, nextOf(TABLES.routed)].some((table) => isAtWork(foundIn(text, table)));
}

async function isIpsetAtWork(exec: Exec, signal: AbortSignal): Promise<boolean> {
  if (!hasOurs(await listSizes(exec, signal))) return false;
  for await (const { found } of withRules(exec, signal))
    if (FAMILIES.some((family) => isHookedIn(found[family]))) return true;
  return false;
}

function isHookedIn({ chains, jumps }: FoundChains): boolean {
  return jumps.length > 0 && (chains.get(ROOT)?.length ?? 0) > 0;
}

/** Else no table of iptables is read: to read it makes it. */
function hasOurs(sizes: ReadonlyMap<string, number>): boolean {
  return [...sizes.keys()].some((name) => parseSetName(name) !== undefined);
}

/** Each iptables of the machine, and what is in its table. */
async function* withRules(exec: Exec, signal: AbortSignal) {
  for (const variant of VARIANTS) {
    const iptables = new Iptables(exec, variant);
    const found = await iptables.found(signal).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    if (found !== undefined) yield { iptables, found };
  }
}

async function removeIpset(exec: Exec, signal: AbortSignal): Promise<boolean> {
  const sizes = await listSizes(exec, signal);
  if (!hasOurs(sizes)) return false;
  for await (const { iptables, found } of withRules(exec, signal))
    await iptables.restore(removal({ sizes, found }).texts, signal);
  const nothing = { chains: new Map(), jumps: [] };
  const { lines } = removal({ sizes, found: { 4: nothing, 6: nothing } });
  await restoreSets(exec, lines, signal);
  return true;
}

/** What ipset(8), iptables(8) and nft(8) say where the kernel has no part for them. */
const NO_KERNEL = /cannot open session|protocol not supported|table does not exist/i;

/** Without the tool, or its part of the kernel, nothing can be left of it. */
function isMissing(error: unknown): boolean {
  return error instanceof Error && (error.name === 'UnavailableError' || NO_KERNEL.test(error.message));
}

/**
 * A backend that takes over from another one: what it wants is in force before what the other has left goes, so that
 * nothing passes when the backend changes at a restart. As long as that has not gone nothing is acknowledged, for what is
 * lifted would go on being blocked.
 */
export class Successor implements Backend {
  readonly #backend: Backend;
  readonly #exec: Exec;
  readonly #log: Log;
  readonly #former: 'ipset' | 'nftables';
  #gone = false;

  constructor(backend: Backend, former: 'ipset' | 'nftables', options: { exec: Exec; log: Log }) {
    this.#backend = backend;
    this.#former = former;
    this.#exec = options.exec;
    this.#log = options.log;
  }

  get name(): Backend['name'] {
    return this.#backend.name;
  }

  describe(): Described {
    return this.#backend.describe();
  }

  async set(want: BlockSet, signal: AbortSignal): Promise<Outcome> {
    const outcome = await this.#backend.set(want, signal);
    if (!this.#gone) await this.#removeFormer(signal);
    return outcome;
  }

  check(signal: AbortSignal, thorough?: boolean): Promise<readonly Drift[]> {
    return this.#backend.check(signal, thorough);
  }

  told(): Told {
    return this.#backend.told?.() ?? NOTHING_TOLD;
  }

  comparesEvery(): number {
    return this.#backend.comparesEvery?.() ?? 1;
  }

  counters(signal: AbortSignal): Promise<readonly Counter[]> {
    return this.#backend.counters(signal);
  }

  async clear(signal: AbortSignal): Promise<void> {
    await this.#backend.clear(signal);
    await this.#removeFormer(signal);
  }

  plan(of?: BlockSet): Planned | undefined {
    return this.#backend.plan(of);
  }

  stop(): Promise<void> {
    return this.#backend.stop();
  }

  async #removeFormer(signal: AbortSignal): Promise<void> {
    const [former, backend] = [this.#former, this.name];
    try {
      const removed = await removeRemains(former, this.#exec, signal);
      if (removed) this.#log.info({ former, backend }, 'another backend takes over from the one before');
      this.#gone = true;
    } catch (error) {
      this.#log.warn(
        { former, error: messageOf(error) },
        'what the backend before has left could not be removed',
      );
      throw error;
    }
  }
}
