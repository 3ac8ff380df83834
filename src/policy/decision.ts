import { PrefixSet } from './address.ts';
import type { Address, BlockSet, NodeId, Owner, Prefix, RecordId, Spared } from './block-set.ts';
import { capped, sizeOf } from './cap.ts';
import { Everyone } from './everyone.ts';
import { guardCheck } from './guard.ts';
import type { Record } from './records.ts';
import { byBreadth, isEnforceable, type Rule, rulesOf, type Scene } from './rules.ts';
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
}

/** The policies that are in force now. */
export type InForce = Iterable<{ readonly id: RecordId; readonly record: Record }>;

/**
 * From what is wanted and what is seen to what the kernel should block (policy.md, "Deciding"). The answer depends on the
 * newest input alone; what has not changed since the last one is not decided again: a new address costs what it touches.
 */
export class Decision {
  #scene: Scene | undefined;
  #circumstances: Circumstances | undefined;
  readonly #rules = new Map<RecordId, readonly Rule[]>();
  readonly #ofOwner = new Map<NodeId, Set<Rule>>();
  /** Rules for the whole home that are not about addresses alone, and its allows. */
  readonly #ofAll = new Set<Rule>();
  #everyone = new Everyone();
  #decided = new Map<NodeId, { readonly owner: Owner; readonly spared: readonly Spared[] }>();
  /** In a fixed order. */
  #devices: ReadonlySet<NodeId> = new Set();
  #known: ReadonlySet<Address> = new Set();

  next(policies: InForce, scene: Scene, circumstances: Circumstances): BlockSet {
    const { sightings } = scene;
    const anew = this.#scene?.sightings !== sightings;
    const rules = anew || this.#scene?.classes !== scene.classes;
    const owners = anew || !sameCircumstances(this.#circumstances, circumstances);
    this.#scene = scene;
    this.#circumstances = circumstances;
    const touched = sightings.takeTouched();

    const dirty = new Set<NodeId>(touched);
    const everybody = this.#renew(policies, scene, rules ? undefined : touched, dirty) || owners;
    if (anew || [...touched].some((id) => sightings.devices.has(id) || this.#devices.has(id))) {
      this.#devices = new Set([...sightings.devices].sort());
      this.#known = new Set([...this.#devices].flatMap((id) => [...sightings.addresses(id)]));
    }
    const guarded = guardCheck(circumstances.guard);
    const looked = this.#everyone.settle(guarded, owners);
    const home = new PrefixSet(circumstances.home);
    const all = [...this.#ofAll];
    const common: Common = {
      everyone: this.#everyone.blocks,
      wide: all.filter(({ effect }) => effect === 'block'),
      allows: all.filter(({ effect }) => effect === 'allow'),
      guarded,
      inside: (address) => home.has(address),
    };
    this.#decideOwners(everybody ? undefined : dirty, looked.size > 0, common, sightings);
    return this.#blockSet(circumstances);
  }

  /**
   * Makes the rules that are new or stale (`touched` undefined: all), notes whom that concerns, and answers whether it is
   * everybody.
   */
  #renew(
    policies: InForce,
    scene: Scene,
    touched: ReadonlySet<NodeId> | undefined,
    dirty: Set<NodeId>,
  ): boolean {
    let everybody = false;
    const gone = new Set(this.#rules.keys());
    const replace = (id: RecordId, next: readonly Rule[]): void => {
      const before = this.#rules.get(id) ?? [];
      for (let n = 0; n < Math.max(before.length, next.length); n++) {
        everybody = this.#replace(before[n], next[n], dirty) || everybody;
      }
      if (next.length > 0) this.#rules.set(id, next);
      else this.#rules.delete(id);
    };
    for (const { id, record } of policies) {
      if (!isEnforceable(record)) continue;
      gone.delete(id);
      const held = this.#rules.get(id);
      const fresh =
        held !== undefined && touched !== undefined && !held.some((rule) => isStale(rule, touched, scene));
      if (!fresh) replace(id, rulesOf(id, record, scene));
    }
    for (const id of gone) replace(id, []);
    return everybody;
  }

  #replace(before: Rule | undefined, next: Rule | undefined, dirty: Set<NodeId>): boolean {
    let everybody = false;
    for (const [rule, verb] of [
      [before, 'delete'],
      [next, 'add'],
    ] as const) {
      if (rule === undefined) continue;
      for (const owner of rule.owners ?? []) {
        const mine = this.#ofOwner.get(owner) ?? new Set();
        mine[verb](rule);
        if (mine.size > 0) this.#ofOwner.set(owner, mine);
        else this.#ofOwner.delete(owner);
        dirty.add(owner);
      }
      const wide = rule.wide !== undefined || rule.networks.length > 0 || rule.effect === 'allow';
      if (rule.owners === undefined && wide) {
        this.#ofAll[verb](rule);
        everybody = true;
      }
    }
    const shared = (rule: Rule | undefined) => (rule?.owners === undefined ? rule : undefined);
    if (shared(before) !== undefined || shared(next) !== undefined)
      this.#everyone.replace(shared(before), shared(next));
    return everybody;
  }

  /** Decides for the dirty devices (undefined: for all), and for those with exceptions when `everyone` changed. */
  #decideOwners(
    dirty: ReadonlySet<NodeId> | undefined,
    everyoneChanged: boolean,
    common: Common,
    sightings: Sightings,
  ): void {
    const wanted = new Set(this.#ofOwner.keys());
    if (common.wide.length > 0) for (const id of this.#devices) wanted.add(id);
    for (const id of this.#devices) {
      if (wanted.size >= (this.#circumstances?.readyOwners ?? 0)) break;
      wanted.add(id);
    }
    const decided = new Map<NodeId, { owner: Owner; spared: readonly Spared[] }>();
    for (const id of wanted) {
      const own = [...(this.#ofOwner.get(id) ?? [])];
      const held = this.#decided.get(id);
      const excepted = common.allows.length > 0 || own.some(({ effect }) => effect === 'allow');
      const stale = dirty === undefined || dirty.has(id) || (everyoneChanged && excepted);
      decided.set(id, held !== undefined && !stale ? held : ownerOf(id, verdictOf(own, common), sightings));
    }
    this.#decided = decided;
  }

  #blockSet({ home, guard, maxAddresses }: Circumstances): BlockSet {
    const decided = [...this.#decided];
    const set: BlockSet = {
      owners: new Map(decided.map(([id, { owner }]) => [id, owner])),
      everyone: this.#everyone.wanted,
      home,
      guard,
      known: this.#known,
      spared: [...this.#everyone.spared, ...decided.flatMap(([, { spared }]) => spared)],
    };
    if (sizeOf(set) <= maxAddresses) return set;
    const order = [...this.#rules.values()].flat().sort(byBreadth);
    return capped(
      set,
      order.map(({ record }) => record),
      maxAddresses,
    );
  }
}

function isStale({ nodes, suffixes }: Rule, touched: ReadonlySet<NodeId>, { sightings }: Scene): boolean {
  for (const id of touched) {
    if (nodes.has(id) || suffixes.some((suffix) => sightings.under(suffix).has(id))) return true;
  }
  return false;
}

function ownerOf(
  id: NodeId,
  { spared, ...verdict }: Verdict,
  sightings: Sightings,
): { owner: Owner; spared: readonly Spared[] } {
  const seen = sightings.node(id);
  const owner = { id, addresses: seen?.addresses ?? new Set(), macs: seen?.macs ?? new Set(), ...verdict };
  return { owner, spared };
}

function sameCircumstances(x: Circumstances | undefined, y: Circumstances): boolean {
  if (x === undefined) return false;
  return (
    same(x.home, y.home) &&
    same(x.guard, y.guard) &&
    x.maxAddresses === y.maxAddresses &&
    x.readyOwners === y.readyOwners
  );
}

function same(x: ReadonlySet<string>, y: ReadonlySet<string>): boolean {
  return x === y || (x.size === y.size && x.isSubsetOf(y));
}
