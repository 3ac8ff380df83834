import type { Clock } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { type BlockSet, emptyBlockSet, freeOwner, type Owner } from '../../policy/block-set.ts';
import type { Exec } from '../exec.ts';
import {
  type Backend,
  type Counter,
  type Described,
  type Drift,
  foundBy,
  type Outcome,
  type Planned,
  together,
} from './backend.ts';
import { ConntrackCut } from './conntrack-cut.ts';
import { alsoOfNft, NOTHING_TOLD, type Told } from './drift-watch.ts';
import { SELF } from './nft/names.ts';
import type { NftBackend } from './nft/nft-backend.ts';
import { removeOwn } from './remains.ts';

/** What there is for the router itself. */
export interface ForOwn {
  /** A table of nftables; undefined where nobody asked for it or there can be none. */
  readonly table: NftBackend | undefined;
  /** Connections are tracked, and the table asks for it. */
  readonly tracked?: boolean;
  /** Why there is none, for people. */
  readonly why: string;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * A backend, and beside it a table for what this router itself sends and receives (docs/adr/0026). Nothing that is forwarded
 * meets that table, so neither waits for the other. It is there only while a policy is about the router.
 */
export class OwnTraffic implements Backend {
  readonly #backend: Backend;
  readonly #options: ForOwn;
  readonly #cut: ConntrackCut;
  /** Whether the kernel has the table; undefined: an earlier life of the agent may have left it. */
  #isThere: boolean | undefined;
  /** What was handed to the table last, and what it was made from: the same again costs it nothing. */
  #handed: { readonly from: readonly unknown[]; readonly set: BlockSet; readonly cut: BlockSet } | undefined;

  constructor(backend: Backend, options: ForOwn) {
    this.#backend = backend;
    this.#options = options;
    this.#cut = new ConntrackCut(options.exec, options.clock, options.log);
  }

  get name(): Backend['name'] {
    return this.#backend.name;
  }

  describe(): Described {
    const { table, tracked = false, why } = this.#options;
    return {
      ...this.#backend.describe(),
      own: table === undefined ? { how: 'none', why } : { how: 'table', tracked },
    };
  }

  async set(want: BlockSet, signal: AbortSignal): Promise<Outcome> {
    return together(this.#backend.set(want, signal), this.#setBeside(want, signal));
  }

  async check(signal: AbortSignal, thorough?: boolean): Promise<readonly Drift[]> {
    const backend = () => this.#backend.check(signal, thorough);
    const { table } = this.#options;
    if (this.#isThere !== true || table === undefined) return backend();
    const beside = async () =>
      (await table.check(signal, thorough)).map((one) => ({ ...one, name: `own ${one.name}` }));
    return foundBy([backend, beside]);
  }

  async counters(signal: AbortSignal): Promise<readonly Counter[]> {
    const counters = await this.#backend.counters(signal);
    if (this.#isThere !== true) return counters;
    return [...counters, ...((await this.#options.table?.counters(signal)) ?? [])];
  }

  async clear(signal: AbortSignal): Promise<void> {
    await this.#backend.clear(signal);
    await this.#remove(signal);
  }

  told(): Told {
    const told = this.#backend.told?.() ?? NOTHING_TOLD;
    return this.#options.table === undefined ? told : alsoOfNft(told);
  }

  comparesEvery(): number {
    return this.#backend.comparesEvery?.() ?? 1;
  }

  plan(of?: BlockSet): Planned | undefined {
    const plan = this.#backend.plan(of);
    if (plan === undefined || this.#isThere !== true || (of !== undefined && of.own === undefined))
      return plan;
    const beside = this.#options.table?.plan(of?.own && alone(of, of.own));
    return beside === undefined ? plan : { ...plan, own: beside.table };
  }

  async stop(): Promise<void> {
    await Promise.all([this.#backend.stop(), this.#options.table?.stop(), this.#cut.stop()]);
  }

  async #setBeside(want: BlockSet, signal: AbortSignal): Promise<Outcome> {
    const { table } = this.#options;
    const { own, home, guard } = want;
    if (table === undefined || own === undefined) {
      const wasThere = this.#isThere;
      if (wasThere !== false) await this.#removeRemains(signal);
      // Without it the plan for the next boot is another.
      return { did: wasThere === true ? 'update' : 'unchanged', elements: 0, rules: 0, ms: 0 };
    }
    const from = [own, home, guard];
    if (this.#handed?.from.every((one, i) => one === from[i]) !== true)
      this.#handed = { from, set: alone(want, own), cut: named(want, own) };
    const { set, cut } = this.#handed;
    this.#isThere = undefined;
    const outcome = await table.set(set, signal);
    this.#isThere = true;
    this.#cut.applied(cut);
    return outcome;
  }

  /** Where nobody asks for it a tool that hangs or breaks must not be in the way of everything else. */
  async #removeRemains(signal: AbortSignal): Promise<void> {
    const { table, log } = this.#options;
    try {
      await this.#remove(signal);
    } catch (error) {
      signal.throwIfAborted();
      if (table !== undefined) throw error;
      this.#isThere = false;
      log.warn(
        { error: messageOf(error) },
        "what was blocked of the router's own traffic could not be removed",
      );
    }
  }

  async #remove(signal: AbortSignal): Promise<void> {
    const { table, exec } = this.#options;
    this.#cut.applied(emptyBlockSet);
    if (table === undefined) await removeOwn(exec, signal);
    else await table.clear(signal);
    this.#isThere = false;
  }
}

/** The block set of the table: the router stands in it under one address. */
function alone({ home, guard }: BlockSet, own: Owner): BlockSet {
  const self = { ...own, addresses: new Set(Object.values(SELF)) };
  return { ...emptyBlockSet, owners: new Map([[own.id, self]]), home, guard };
}

/**
 * For the cut of connections: addresses that are blocked by name, with those that the router has now. A wide block leaves ssh and others
 * alone, of which a record must not go, and what the router sends itself is never offloaded: the block alone stops it.
 */
function named({ home, guard }: BlockSet, { id, addresses, macs, remotes }: Owner): BlockSet {
  const owner = { ...freeOwner, id, addresses, macs, remotes };
  return { ...emptyBlockSet, owners: new Map([[id, owner]]), home, guard };
}
