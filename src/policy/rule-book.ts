import type { NodeId, RecordId } from './block-set.ts';
import type { PeerKey } from './crypto.ts';
import { Everyone } from './everyone.ts';
import type { Record } from './records.ts';
import { isEnforceable, type Rule, rulesOf, type Scene } from './rules.ts';

/** The policies that are in force now. The same array again: nothing has changed. */
export type InForce = readonly { readonly id: RecordId; readonly record: Record }[];

interface Entry {
  readonly record: Record;
  readonly rules: readonly Rule[];
}

/** The rules of the policies that are in force, found by whom they hold for and by what they are made of. */
export class RuleBook {
  /** The blocks of addresses for the whole home. */
  readonly everyone = new Everyone();
  /** Rules for the whole home that are not about addresses alone, and its allows. */
  readonly ofAll = new Set<Rule>();
  readonly #entries = new Map<RecordId, Entry>();
  readonly #ofOwner = new Map<NodeId, Set<Rule>>();
  readonly #ofRouter = new Map<PeerKey, Set<Rule>>();
  /** Which policies have to be looked at again when a node changes. */
  readonly #about = new Map<NodeId, Set<RecordId>>();
  readonly #aboutSuffixes = new Set<RecordId>();
  #policies: InForce | undefined;

  /** The devices that a rule of their own holds for. */
  owners(): Iterable<NodeId> {
    return this.#ofOwner.keys();
  }

  ofOwner(id: NodeId): readonly Rule[] {
    return [...(this.#ofOwner.get(id) ?? [])];
  }

  /** Those about what a router itself sends and receives. */
  ofRouter(peer: PeerKey): readonly Rule[] {
    return [...(this.#ofRouter.get(peer) ?? [])];
  }

  all(): Rule[] {
    return [...this.#entries.values()].flatMap(({ rules }) => rules);
  }

  /**
   * Makes the rules that are new or stale; `touched`: the nodes that have changed, undefined: anything may have. Answers the
   * devices and routers (by their keys) whom that concerns, or undefined when it is everybody.
   */
  renew(
    policies: InForce,
    scene: Scene,
    touched: ReadonlySet<NodeId> | undefined,
  ): ReadonlySet<NodeId> | undefined {
    const dirty = new Set<NodeId>();
    let everybody = false;
    const replace = (id: RecordId, record: Record): void => {
      const next = isEnforceable(record) ? rulesOf(id, record, scene) : [];
      everybody = this.#replace(id, { record, rules: next }, dirty) || everybody;
    };
    if (policies !== this.#policies) {
      this.#policies = policies;
      const gone = new Set(this.#entries.keys());
      for (const { id, record } of policies) {
        gone.delete(id);
        if (!this.#entries.has(id)) replace(id, record);
      }
      for (const id of gone) everybody = this.#replace(id, undefined, dirty) || everybody;
    }
    for (const id of this.#stale(touched, scene)) {
      const entry = this.#entries.get(id);
      if (entry !== undefined) replace(id, entry.record);
    }
    return everybody ? undefined : dirty;
  }

  #stale(touched: ReadonlySet<NodeId> | undefined, { sightings }: Scene): ReadonlySet<RecordId> {
    if (touched === undefined) return new Set(this.#entries.keys());
    const stale = new Set<RecordId>();
    for (const node of touched) for (const id of this.#about.get(node) ?? []) stale.add(id);
    for (const id of touched.size === 0 ? [] : this.#aboutSuffixes) {
      const suffixes = this.#entries.get(id)?.rules.flatMap((rule) => rule.suffixes) ?? [];
      if (suffixes.some((suffix) => !sightings.under(suffix).isDisjointFrom(touched))) stale.add(id);
    }
    return stale;
  }

  #replace(id: RecordId, next: Entry | undefined, dirty: Set<NodeId>): boolean {
    const before = this.#entries.get(id);
    if (next === undefined) this.#entries.delete(id);
    else this.#entries.set(id, next);
    let everybody = false;
    for (const rule of before?.rules ?? []) everybody = this.#put('delete', id, rule, dirty) || everybody;
    for (const rule of next?.rules ?? []) everybody = this.#put('add', id, rule, dirty) || everybody;
    for (let n = 0; n < Math.max(before?.rules.length ?? 0, next?.rules.length ?? 0); n++) {
      const [old, fresh] = [forAll(before?.rules[n]), forAll(next?.rules[n])];
      if (old !== undefined || fresh !== undefined) this.everyone.replace(old, fresh);
    }
    return everybody;
  }

  /** True when it concerns everybody. */
  #put(verb: 'add' | 'delete', id: RecordId, rule: Rule, dirty: Set<NodeId>): boolean {
    for (const owner of rule.owners ?? []) {
      change(this.#ofOwner, owner, verb, rule);
      dirty.add(owner);
    }
    if (rule.router !== undefined) {
      change(this.#ofRouter, rule.router, verb, rule);
      dirty.add(rule.router);
    }
    for (const node of rule.nodes) change(this.#about, node, verb, id);
    if (rule.suffixes.length > 0) this.#aboutSuffixes[verb](id);
    const wide = rule.wide !== undefined || rule.networks.length > 0 || rule.effect === 'allow';
    if (rule.owners !== undefined || !wide) return false;
    this.ofAll[verb](rule);
    return true;
  }
}

function forAll(rule: Rule | undefined): Rule | undefined {
  return rule?.owners === undefined ? rule : undefined;
}

function change<K, V>(map: Map<K, Set<V>>, key: K, verb: 'add' | 'delete', value: V): void {
  const set = map.get(key) ?? new Set();
  set[verb](value);
  if (set.size > 0) map.set(key, set);
  else map.delete(key);
}
