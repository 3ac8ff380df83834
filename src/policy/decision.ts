import { PrefixSet } from './address.ts';
import {
  type Address,
  type BlockSet,
  emptyBlockSet,
  type NodeId,
  type Owner,
  type Prefix,
  ROUTER,
  type Spared,
} from './block-set.ts';
import { capped, sizeOf } from './cap.ts';
import type { PeerKey } from './crypto.ts';
import { guardCheck } from './guard.ts';
import { keptMap, keptOwner, keptSet } from './kept.ts';
import { type InForce, RuleBook } from './rule-book.ts';
import { byBreadth, type Scene } from './rules.ts';
import type { Sightings } from './sightings.ts';
import { type Common, type Verdict, verdictOf } from './verdict.ts';

/** What a decision depends on besides the policy and what is seen. */
export interface Circumstances {
  readonly home: ReadonlySet<Prefix>;
  readonly guard: ReadonlySet<Prefix>;
  /** At most so many addresses and networks are enforced. */
  readonly maxAddresses: number;
  /** So many devices are owners beforehand, with nothing blocked: their first block then needs no new rule. */
  readonly readyOwners: number;
  /** This router, when policies about what it sends and receives itself are to be decided too. */
  readonly own?: { readonly peer: PeerKey; readonly addresses: ReadonlySet<Address> } | undefined;
}

interface Decided {
  readonly owner: Owner;
  readonly spared: readonly Spared[];
}

/**
 * From what is wanted and what is seen to what the kernel should block (policy.md, "Deciding"). The answer depends on the
 * newest input alone; what has not changed since the last one is not decided again: a new address costs what it touches.
 * What comes out as it was is the same object as before.
 */
export class Decision {
  readonly #book = new RuleBook();
  #scene: Scene | undefined;
  #circumstances: Circumstances | undefined;
  #checks: Pick<Common, 'guarded' | 'inside'> = { guarded: () => false, inside: () => false };
  #decided = new Map<NodeId, Decided>();
  #own: Decided | undefined;
  /** In a fixed order. */
  #devices: ReadonlySet<NodeId> = new Set();
  #known: ReadonlySet<Address> = new Set();
  #owners: BlockSet['owners'] = new Map();

  next(policies: InForce, scene: Scene, circumstances: Circumstances): BlockSet {
    const { sightings } = scene;
    const anew = this.#scene?.sightings !== sightings;
    const madeAnew = anew || this.#scene?.classes !== scene.classes;
    this.#scene = scene;
    const touched = sightings.takeTouched();
    const moved = this.#moved(circumstances);
    const now = this.#circumstances ?? circumstances;

    const concerned = this.#book.renew(policies, scene, madeAnew ? undefined : touched);
    if (anew || [...touched].some((id) => sightings.devices.has(id) || this.#devices.has(id))) {
      this.#devices = new Set([...sightings.devices].sort());
      const known = new Set([...this.#devices].flatMap((id) => [...sightings.addresses(id)]));
      this.#known = keptSet(this.#known, known);
    }
    const dirty = anew || moved || concerned === undefined ? undefined : concerned.union(touched);
    this.#decideOwners(dirty, anew || moved, sightings);
    this.#decideOwn(dirty, now);
    return this.#blockSet(now);
  }

  /** Takes up new circumstances; true when they differ. */
  #moved(circumstances: Circumstances): boolean {
    const before = this.#circumstances;
    const home = keptSet(before?.home, circumstances.home);
    const guard = keptSet(before?.guard, circumstances.guard);
    const next = { ...circumstances, home, guard };
    this.#circumstances = next;
    if (before !== undefined && same(before, next)) return false;
    const inside = new PrefixSet(home);
    this.#checks = { guarded: guardCheck(guard), inside: (address) => inside.has(address) };
    return true;
  }

  /** Decides for the dirty devices (undefined: for all), and for those with exceptions when `everyone` changed. */
  #decideOwners(dirty: ReadonlySet<NodeId> | undefined, moved: boolean, sightings: Sightings): void {
    const book = this.#book;
    const looked = book.everyone.settle(this.#checks.guarded, moved);
    const all = [...book.ofAll];
    const common: Common = {
      ...this.#checks,
      everyone: book.everyone.blocks,
      wide: all.filter(({ effect }) => effect === 'block'),
      allows: all.filter(({ effect }) => effect === 'allow'),
    };
    const wanted = new Set(book.owners());
    if (common.wide.length > 0) for (const id of this.#devices) wanted.add(id);
    for (const id of this.#devices) {
      if (wanted.size >= (this.#circumstances?.readyOwners ?? 0)) break;
      wanted.add(id);
    }
    const decided = new Map<NodeId, Decided>();
    for (const id of wanted) {
      const held = this.#decided.get(id);
      const stale =
        held === undefined ||
        dirty === undefined ||
        dirty.has(id) ||
        (looked.size > 0 && (common.allows.length > 0 || book.ofOwner(id).some(isAllow)));
      decided.set(id, stale ? decidedFor(id, verdictOf(book.ofOwner(id), common), sightings, held) : held);
    }
    this.#decided = decided;
  }

  /** What policies say of this router itself; those of the whole home are about its devices. */
  #decideOwn(dirty: ReadonlySet<NodeId> | undefined, { own, maxAddresses }: Circumstances): void {
    if (own === undefined || (dirty !== undefined && !dirty.has(own.peer))) return;
    const rules = this.#book.ofRouter(own.peer);
    const before = this.#own?.owner;
    this.#own = undefined;
    if (rules.length === 0) return;
    const { spared, ...verdict } = verdictOf(rules, {
      ...this.#checks,
      everyone: new Map(),
      wide: [],
      allows: [],
    });
    const owner = { id: ROUTER, addresses: own.addresses, macs: new Set<string>(), ...verdict };
    const order = [...rules].sort(byBreadth).map(({ record }) => record);
    const alone = { ...emptyBlockSet, owners: new Map([[ROUTER, owner]]), spared };
    const { owners, spared: left } =
      sizeOf(alone) <= maxAddresses ? alone : capped(alone, order, maxAddresses);
    this.#own = { owner: keptOwner(before, owners.get(ROUTER) ?? owner), spared: left };
  }

  #blockSet({ home, guard, maxAddresses }: Circumstances): BlockSet {
    const decided = [...this.#decided];
    const { everyone } = this.#book;
    this.#owners = keptMap(this.#owners, new Map(decided.map(([id, { owner }]) => [id, owner])));
    const set: BlockSet = {
      owners: this.#owners,
      everyone: everyone.wanted,
      home,
      guard,
      known: this.#known,
      spared: [
        ...everyone.spared,
        ...decided.flatMap(([, { spared }]) => spared),
        ...(this.#own?.spared ?? []),
      ],
      ...(this.#own && { own: this.#own.owner }),
    };
    if (sizeOf(set) <= maxAddresses) return set;
    const order = this.#book.all().sort(byBreadth);
    return capped(
      set,
      order.map(({ record }) => record),
      maxAddresses,
    );
  }
}

function isAllow({ effect }: { readonly effect: string }): boolean {
  return effect === 'allow';
}

function decidedFor(
  id: NodeId,
  { spared, ...verdict }: Verdict,
  sightings: Sightings,
  held: Decided | undefined,
): Decided {
  const seen = sightings.node(id);
  const owner = { id, addresses: seen?.addresses ?? new Set(), macs: seen?.macs ?? new Set(), ...verdict };
  return { owner: keptOwner(held?.owner, owner), spared };
}

function same(x: Circumstances, y: Circumstances): boolean {
  return (
    x.home === y.home &&
    x.guard === y.guard &&
    x.maxAddresses === y.maxAddresses &&
    x.readyOwners === y.readyOwners
  );
}
