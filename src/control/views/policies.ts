import type { Counts } from '../../local/observe/conntrack.ts';
import type { BlockSet, RecordId, Spared } from '../../policy/block-set.ts';
import type { Live } from '../../policy/contents.ts';
import type { Subject, Terms } from '../../policy/records.ts';
import { isEnforceable } from '../../policy/rules.ts';
import { isoTime } from '../book/terms.ts';
import { type Affected, Affects } from '../commands/affects.ts';
import { exceptionsTo } from '../commands/exceptions.ts';
import { type LivePolicy, livePolicies } from '../commands/standing.ts';
import type { Parts } from '../parts.ts';
import { countEntries, type Entries } from './entries.ts';
import { idleWords } from './idle.ts';
import { routerWords } from './own-traffic.ts';
import { PAST_RULES, type PastRules, pastRules } from './same-switch.ts';
import { isShown } from './shown.ts';
import { termsInWords } from './terms.ts';
import { termsWords } from './words.ts';

/** One live policy as a person is shown it. */
export interface PolicyView {
  /** `<op id>/<index>`; any beginning of it names the policy. */
  readonly id: string;
  readonly kind: string;
  readonly a: { readonly subject: Subject; readonly label: string };
  readonly b: { readonly subject: Subject; readonly label: string };
  readonly by: string;
  readonly router: string;
  /** The author's wall clock, ISO 8601; it may be wrong. */
  readonly at: string;
  readonly reason: string | undefined;
  readonly terms: Terms;
  /** For how long, and what is counted down, in words. */
  readonly time: string;
  /** Its terms hold now, by this router's clock; whether anything of it is in the kernel is told by `here`. */
  readonly inForce: boolean;
  /** Known names that a block covers besides what it was made for: what was split off it, and what shares an address. */
  readonly alsoAffects: readonly string[];
  readonly alsoAffectsMore: number;
  /** What this router makes of it. */
  readonly here: EnforcementView;
}

export interface EnforcementView extends Entries {
  /** True when the kernel of this router has anything of it that holds. */
  readonly enforced: boolean;
  /** Why nothing of it is enforced or, where the rest is, what is not. */
  readonly why: string | undefined;
  /**
   * What it has dropped on this router, all directions and devices together, over restarts; what several policies want counts
   * for each. Undefined for what drops nothing, and where nobody can tell.
   */
  readonly dropped?: Counts | undefined;
}

/** Every policy, oldest first. */
export function policiesView(parts: Parts): PolicyView[] {
  const views = new PolicyViews(parts);
  return [...parts.replica.live.values()]
    .filter((live) => isShown(live.record))
    .sort((x, y) => x.op.at - y.op.at || (x.id < y.id ? -1 : 1))
    .map((live) => views.of(live));
}

const HOME: Subject = { kind: 'home' };
const NOT_TAKEN = 'not yet: the kernel is being given it';
const NOTHING: Entries = { addresses: 0, networks: 0, wide: 0 };

/** Shows policies. One for each answer: it looks once at what is in force. */
export class PolicyViews {
  readonly #parts: Parts;
  readonly #affects: Affects;
  readonly #set: BlockSet;
  #counted: ReadonlyMap<RecordId, Entries> | undefined;
  #sparedBy: ReadonlyMap<RecordId, Spared> | undefined;
  #pastBy: ReadonlyMap<RecordId, PastRules> | undefined;
  #allows: readonly LivePolicy[] | undefined;
  /** What is in force while the kernel is given something newer; undefined when nothing is under way. */
  readonly #before: ReadonlyMap<RecordId, Entries> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#set = parts.blockSet();
    this.#affects = new Affects(parts);
    const run = parts.enforcer.underWay();
    this.#before = run && countEntries(run.before);
  }

  // What is in force is looked through once, and only when a policy is shown that is: each change of one makes views of its own.
  get #entries(): ReadonlyMap<RecordId, Entries> {
    this.#counted ??= countEntries(this.#set);
    return this.#counted;
  }

  get #past(): ReadonlyMap<RecordId, PastRules> {
    this.#pastBy ??= pastRules(this.#parts, this.#set, this.#entries);
    return this.#pastBy;
  }

  get #spared(): ReadonlyMap<RecordId, Spared> {
    this.#sparedBy ??= new Map(this.#set.spared.map((entry) => [entry.record, entry]));
    return this.#sparedBy;
  }

  /** What a block of this would cover besides. */
  affectedBy(far: Subject): Affected {
    return this.#affects.by(far);
  }

  /** What of a policy does not hold although it is in the kernel, in words. */
  pastRules(id: RecordId): string | undefined {
    const past = this.#past.get(id);
    return past && PAST_RULES[past];
  }

  of(live: Live): PolicyView {
    const { directory } = this.#parts;
    const { id, op, record } = live;
    const named = (subject: Subject) => ({ subject, label: directory.label(subject) });
    const policy = isPolicy(live) ? live : undefined;
    const block = policy?.record.kind === 'block' ? policy.record : undefined;
    const affected = block === undefined ? { names: [], more: 0 } : this.#affects.by(block.b);
    const split = block === undefined ? [] : this.#affects.splitFrom(block);
    const terms = policy?.record.terms ?? {};
    return {
      id,
      kind: record.kind,
      a: record.kind === 'ignore' ? named(record.node) : named(policy?.record.a ?? HOME),
      b: named(policy?.record.b ?? HOME),
      reason: terms.reason,
      terms,
      time: policy === undefined ? '' : termsInWords(this.#parts, policy),
      inForce: policy !== undefined && this.#parts.force(policy).inForce,
      by: op.by,
      router: directory.routerName(op.peer),
      at: isoTime(op.at),
      alsoAffects: [...split, ...affected.names],
      alsoAffectsMore: affected.more,
      here: { ...this.#here(live, policy), dropped: this.#dropped(live, policy) },
    };
  }

  /** A policy that would be made: it has no id yet. */
  draft(record: LivePolicy['record'], by: string): PolicyView {
    const { clock, config, directory } = this.#parts;
    const named = (subject: Subject) => ({ subject, label: directory.label(subject) });
    return {
      id: '',
      kind: record.kind,
      a: named(record.a),
      b: named(record.b),
      reason: record.terms.reason,
      terms: record.terms,
      time: termsWords({ ...record.terms, reason: undefined }).join(' '),
      inForce: false,
      by,
      router: config.agent.name,
      at: isoTime(clock.now()),
      alsoAffects: [],
      alsoAffectsMore: 0,
      here: { ...NOTHING, enforced: false, why: 'it is not made yet' },
    };
  }

  /** What is not enforced has perhaps dropped before; that it has dropped nothing is told only of what is. */
  #dropped({ id }: Live, policy: LivePolicy | undefined): Counts | undefined {
    if (policy?.record.kind !== 'block') return undefined;
    const counts = this.#parts.policyDrops?.of(id);
    const isZero = counts?.packets === 0;
    return isZero && !(this.#parts.enforcer.health().enforcing && this.#entries.has(id)) ? undefined : counts;
  }

  #here({ id, record }: Live, policy: LivePolicy | undefined): EnforcementView {
    const not = (why: string): EnforcementView => ({ ...NOTHING, enforced: false, why });
    if (record.kind === 'ignore') return not('its flows are not shown');
    const router = policy === undefined ? undefined : routerWords(this.#parts, policy.record);
    if (router !== undefined) return not(router);
    if (policy === undefined || !isEnforceable(record)) return not('needs a newer Hedgerow on this router');
    const { directory, enforcer } = this.#parts;
    if (!this.#parts.force(policy).inForce) return not(`not now: ${termsInWords(this.#parts, policy)}`);
    const health = enforcer.health();
    if (!health.enforcing) return not(idleWords(this.#parts.backend, health));
    const entries = this.#entries.get(id);
    if (this.#past.get(id) === 'all') return not(PAST_RULES.all);
    if (entries !== undefined && this.#before?.has(id) === false) return not(NOT_TAKEN);
    if (entries !== undefined) return { ...entries, enforced: true, why: this.pastRules(id) };
    const spared = this.#spared.get(id);
    if (spared?.why === 'guard') return not(`${spared.address} is guarded`);
    if (spared !== undefined) return not('more addresses than this router may hold');
    if (policy.record.kind === 'allow') return not('nothing wider is blocked here');
    this.#allows ??= livePolicies(this.#parts, 'allow');
    const [exception] = exceptionsTo(this.#parts, policy, this.#allows);
    if (exception !== undefined) return not(`excepted by policy ${exception.id.slice(0, 8)}`);
    const empty = [policy.record.a, policy.record.b].find((subject) => isEmpty(this.#parts, subject));
    if (empty !== undefined) return not(`nobody is in the group ${directory.label(empty)}`);
    const whole = policy.record.b.kind === 'internet' || policy.record.b.kind === 'lan';
    return not(whole ? 'no device of it was seen here yet' : 'no address is known for it yet');
  }
}

function isPolicy(live: Live): live is LivePolicy {
  return live.record.kind === 'block' || live.record.kind === 'allow';
}

function isEmpty({ directory }: Parts, subject: Subject): boolean {
  return subject.kind === 'group' && (directory.groups().get(subject.group)?.members.length ?? 0) === 0;
}
