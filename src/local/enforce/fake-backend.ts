import {
  type Address,
  type BlockSet,
  emptyBlockSet,
  type Mac,
  type Owner,
  ROUTER,
} from '../../policy/block-set.ts';
import type { Backend, Counter, Described, Drift, Outcome } from './backend.ts';
import { isElement, isMac, networks } from './elements.ts';
import { type Drop, Judge } from './judge.ts';

/** A readable fake: an in-memory kernel that can be asked whether a forwarded packet passes, disturbed, and made to fail. */
export class FakeBackend implements Backend {
  readonly name = 'fake';
  /** Every outcome of `set`, oldest first. */
  readonly outcomes: Outcome[] = [];
  #kernel: BlockSet = emptyBlockSet;
  #judge = new Judge(emptyBlockSet);
  #acknowledged: BlockSet | undefined;
  #doubt = true;
  #failure: Error | undefined;
  readonly #counters = new Map<string, Counter>();

  describe(): Described {
    return { name: 'fake', detail: 'in memory' };
  }

  async set(want: BlockSet, signal: AbortSignal): Promise<Outcome> {
    signal.throwIfAborted();
    if (this.#failure !== undefined) {
      this.#doubt = true;
      throw this.#failure;
    }
    const kernel = sound(want);
    const did = this.#doubt ? 'resync' : sameBlocks(this.#kernel, kernel) ? 'unchanged' : 'update';
    const outcome: Outcome = { did, elements: 0, rules: 0, ms: 0 };
    this.#hold(kernel);
    this.#acknowledged = kernel;
    for (const [key, counter] of this.#counters) if (!isIn(kernel, counter)) this.#counters.delete(key);
    this.#doubt = false;
    this.outcomes.push(outcome);
    return outcome;
  }

  async check(signal: AbortSignal): Promise<readonly Drift[]> {
    signal.throwIfAborted();
    if (this.#acknowledged === undefined || this.#kernel === this.#acknowledged) return [];
    this.#doubt = true;
    return [{ what: 'jump', name: 'HEDGEROW', detail: 'missing' }];
  }

  async counters(signal: AbortSignal): Promise<readonly Counter[]> {
    signal.throwIfAborted();
    return [...this.#counters.values()];
  }

  async clear(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#hold(emptyBlockSet);
    this.#acknowledged = undefined;
    this.#doubt = true;
  }

  plan(): undefined {
    return undefined;
  }

  async stop(): Promise<void> {}

  /** What the fake kernel holds. */
  get kernel(): BlockSet {
    return this.#kernel;
  }

  /** Makes every `set` fail with this error; undefined: makes them work again. */
  fail(error: Error | undefined): void {
    this.#failure = error;
  }

  /** Somebody else flushes the kernel's tables: nothing is blocked until the drift is repaired. */
  disturb(): void {
    this.#hold(emptyBlockSet);
  }

  /**
   * True if the kernel drops a forwarded packet between these addresses, in either direction, and counts it. `mac` is
   * the source's hardware address, seen only when the sender is on a LAN of this router.
   */
  blocks(source: Address, destination: Address, mac?: Mac): boolean {
    return this.#counted(this.#judge.dropOf(source, destination, mac));
  }

  /** The same of a packet between the router itself and an address on the internet. */
  blocksOwn(far: Address): boolean {
    return this.#counted(this.#judge.own(far));
  }

  #counted(drop: Drop | undefined): boolean {
    if (drop === undefined) return false;
    const key = `${drop.owner} ${drop.remote}`;
    const packets = (this.#counters.get(key)?.packets ?? 0) + 1;
    this.#counters.set(key, { ...drop, packets, bytes: packets * 100 });
    return true;
  }

  #hold(kernel: BlockSet): void {
    this.#kernel = kernel;
    this.#judge = new Judge(kernel);
  }
}

/** What remains of a block set without what is no address, prefix or MAC. */
function sound(want: BlockSet): BlockSet {
  const among = (all: ReadonlySet<string>, is: (one: string) => boolean) => new Set([...all].filter(is));
  const keyed = <V>(all: ReadonlyMap<string, V>, is: (one: string) => boolean) =>
    new Map([...all].filter(([key]) => is(key)));
  const isPrefix = (one: string): boolean => networks(one).length > 0;
  const soundOwner = (owner: Owner): Owner => ({
    ...owner,
    addresses: among(owner.addresses, isElement),
    macs: among(owner.macs, isMac),
    remotes: keyed(owner.remotes, isElement),
    networks: keyed(owner.networks, isPrefix),
    exceptions: keyed(owner.exceptions, isElement),
    exceptedNetworks: keyed(owner.exceptedNetworks, isPrefix),
  });
  const owners = [...want.owners.values()].map(soundOwner);
  return {
    ...want,
    owners: new Map(owners.map((owner) => [owner.id, owner])),
    everyone: keyed(want.everyone, isElement),
    home: among(want.home, isPrefix),
    guard: among(want.guard, isPrefix),
    known: among(want.known, isElement),
    ...(want.own && { own: soundOwner(want.own) }),
  };
}

/** Whether what was counted is still an entry. */
function isIn(kernel: BlockSet, { owner, remote }: Counter): boolean {
  if (owner === undefined) return kernel.everyone.has(remote);
  const one = owner === ROUTER ? kernel.own : kernel.owners.get(owner);
  if (one === undefined) return false;
  if (remote === 'internet' || remote === 'lan') return one[remote] !== undefined;
  return one.remotes.has(remote) || one.networks.has(remote);
}

/** True if both block the same, whatever the reasons. */
function sameBlocks(a: BlockSet, b: BlockSet): boolean {
  if (a === b) return true;
  const sameKeys = (
    x: { keys(): Iterable<string>; size: number },
    y: ReadonlyMap<string, unknown> | ReadonlySet<string>,
  ) => x.size === y.size && [...x.keys()].every((key) => y.has(key));
  const sameOwner = (owner: Owner, other: Owner | undefined): boolean =>
    other !== undefined &&
    sameKeys(owner.addresses, other.addresses) &&
    sameKeys(owner.macs, other.macs) &&
    sameKeys(owner.remotes, other.remotes) &&
    sameKeys(owner.networks, other.networks) &&
    (owner.internet === undefined) === (other.internet === undefined) &&
    (owner.lan === undefined) === (other.lan === undefined) &&
    sameKeys(owner.exceptions, other.exceptions) &&
    sameKeys(owner.exceptedNetworks, other.exceptedNetworks);
  return (
    sameKeys(a.owners, b.owners) &&
    sameKeys(a.everyone, b.everyone) &&
    sameKeys(a.home, b.home) &&
    sameKeys(a.guard, b.guard) &&
    sameKeys(a.known, b.known) &&
    [...a.owners.values()].every((owner) => sameOwner(owner, b.owners.get(owner.id))) &&
    (a.own === undefined ? b.own === undefined : sameOwner(a.own, b.own))
  );
}
