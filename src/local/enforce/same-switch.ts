import type { BlockSet } from '../../policy/block-set.ts';
import type { Exec } from '../exec.ts';
import {
  type Backend,
  type Counter,
  type Described,
  type Drift,
  foundBy,
  type HowBridged,
  type Outcome,
  type Planned,
  together,
} from './backend.ts';
import { isBridgeNfOn } from './bridge-nf.ts';
import { Bridged } from './bridged.ts';
import { alsoOfNft, NOTHING_TOLD, type Told } from './drift-watch.ts';
import type { NftBackend } from './nft/nft-backend.ts';

/**
 * Whether what two devices on one interface of this router send to each other can be judged here. `name` is a segment's without the
 * router: `br-lan`, `br-lan/10`. Behind an interface that is no bridge a switch joins them, out of sight; bridge-nf does not
 * show frames with a VLAN tag as it is set by default.
 */
export function seesInside(
  name: string,
  bridges: ReadonlySet<string>,
  sameSwitch: HowBridged | undefined,
): boolean {
  const [bridge = '', tag] = name.split('/');
  if (!bridges.has(bridge) || sameSwitch?.how === 'none') return false;
  return tag === undefined || sameSwitch?.how === 'table';
}

/** What there is for bridges. */
export interface ForBridges {
  /** A table of nftables; undefined where there can be none. */
  readonly table: NftBackend | undefined;
  /** Why there can be none, for people. */
  readonly why: string;
  readonly exec: Exec;
}

/**
 * A backend, and beside it what blocks between two devices of one bridge: packets that are never routed. No packet is on its
 * way through both at once, so neither has to wait for the other: each is brought to the block set by itself, at the same
 * time, and both are acknowledged together. Where there can be no table the chains of what is routed see these packets too
 * if bridge-nf is on; else they pass, and that is said.
 */
export class SameSwitch implements Backend {
  readonly #backend: Backend;
  readonly #table: NftBackend | undefined;
  readonly #options: ForBridges;
  readonly #bridged = new Bridged();
  /** The same of what is planned for the next boot where that is something else. */
  readonly #planned = new Bridged();
  #bridgeNf: boolean | undefined;

  constructor(backend: Backend, options: ForBridges) {
    this.#backend = backend;
    this.#table = options.table;
    this.#options = options;
  }

  get name(): Backend['name'] {
    return this.#backend.name;
  }

  describe(): Described {
    const described = this.#backend.describe();
    const { table, why } = this.#options;
    const how = table !== undefined ? 'table' : this.#bridgeNf === true ? 'bridge-nf' : 'none';
    return { ...described, sameSwitch: how === 'none' ? { how, why } : { how } };
  }

  async set(want: BlockSet, signal: AbortSignal): Promise<Outcome> {
    if (this.#table !== undefined)
      return together(this.#backend.set(want, signal), this.#setBeside(this.#table, want, signal));
    const outcome = await this.#backend.set(want, signal);
    this.#bridgeNf ??= await isBridgeNfOn(this.#options.exec, signal);
    return outcome;
  }

  async check(signal: AbortSignal, thorough?: boolean): Promise<readonly Drift[]> {
    return foundBy([() => this.#backend.check(signal, thorough), () => this.#checkBeside(signal, thorough)]);
  }

  async counters(signal: AbortSignal): Promise<readonly Counter[]> {
    const counters = await this.#backend.counters(signal);
    const beside = (await this.#table?.counters(signal)) ?? [];
    if (beside.length === 0) return counters;
    const sums = new Map<string, Counter>();
    for (const one of [...counters, ...beside]) {
      const key = `${one.owner} ${one.remote}`;
      const sum = sums.get(key);
      const packets = one.packets + (sum?.packets ?? 0);
      sums.set(key, { ...one, packets, bytes: one.bytes + (sum?.bytes ?? 0) });
    }
    return [...sums.values()];
  }

  async clear(signal: AbortSignal): Promise<void> {
    await this.#backend.clear(signal);
    await this.#table?.clear(signal);
  }

  /** One monitor tells of both where that is possible: the table for bridges holds little, which nft(8) then holds too. */
  told(): Told {
    const told = this.#backend.told?.() ?? NOTHING_TOLD;
    return this.#table === undefined ? told : alsoOfNft(told);
  }

  comparesEvery(): number {
    return Math.max(this.#backend.comparesEvery?.() ?? 1, this.#table?.comparesEvery() ?? 1);
  }

  plan(of?: BlockSet): Planned | undefined {
    const plan = this.#backend.plan(of);
    const beside = this.#table?.plan(of && this.#planned.next(of));
    return plan === undefined || beside === undefined ? plan : { ...plan, bridge: beside.table };
  }

  async stop(): Promise<void> {
    await Promise.all([this.#backend.stop(), this.#table?.stop()]);
  }

  async #setBeside(table: NftBackend, want: BlockSet, signal: AbortSignal): Promise<Outcome> {
    return table.set(this.#bridged.next(want), signal);
  }

  async #checkBeside(signal: AbortSignal, thorough?: boolean): Promise<readonly Drift[]> {
    if (this.#table === undefined) {
      this.#bridgeNf = await isBridgeNfOn(this.#options.exec, signal);
      return [];
    }
    const beside = await this.#table.check(signal, thorough);
    return beside.map((one) => ({ ...one, name: `bridge ${one.name}` }));
  }
}
