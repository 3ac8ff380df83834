import type { RecordId, Spared } from '../../policy/block-set.ts';
import { isEnforceable } from '../../policy/decide.ts';
import type { Record, Subject } from '../../policy/records.ts';
import type { Live } from '../../policy/replica.ts';
import type { Parts } from '../parts.ts';
import { isShown } from './shown.ts';

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
  /** What this router makes of it: blocked addresses in its kernel, or why there are none. */
  readonly here: { readonly enforced: boolean; readonly addresses: number; readonly why: string | undefined };
}

/** Everything that is blocked, oldest first. */
export function policiesView(parts: Parts): PolicyView[] {
  const inForce = inForceNow(parts);
  return [...parts.replica.live.values()]
    .filter((live) => isShown(live.record))
    .sort((x, y) => x.op.at - y.op.at || (x.id < y.id ? -1 : 1))
    .map((live) => policyView(parts, live, inForce));
}

export function policyView(parts: Parts, { id, op, record }: Live, inForce = inForceNow(parts)): PolicyView {
  const { directory } = parts;
  const named = (subject: Subject) => ({ subject, label: directory.label(subject) });
  const pair =
    record.kind === 'block' || record.kind === 'allow'
      ? { a: named(record.a), b: named(record.b), reason: record.terms.reason }
      : { a: { subject: HOME, label: '?' }, b: { subject: HOME, label: '?' }, reason: undefined };
  return {
    id,
    kind: record.kind,
    ...pair,
    by: op.by,
    router: directory.routerName(op.peer),
    at: new Date(op.at).toISOString(),
    here: enforcement(parts, id, record, inForce),
  };
}

const HOME: Subject = { kind: 'home' };

interface InForce {
  /** How many addresses are blocked because of a record. */
  readonly addresses: ReadonlyMap<RecordId, number>;
  readonly spared: ReadonlyMap<RecordId, Spared>;
}

function inForceNow(parts: Parts): InForce {
  const set = parts.blockSet();
  const addresses = new Map<RecordId, number>();
  for (const { remotes } of [...set.owners.values(), { remotes: set.everyone }]) {
    for (const id of [...remotes.values()].flat()) addresses.set(id, (addresses.get(id) ?? 0) + 1);
  }
  return { addresses, spared: new Map(set.spared.map((entry) => [entry.record, entry])) };
}

function enforcement(parts: Parts, id: RecordId, record: Record, inForce: InForce): PolicyView['here'] {
  const not = (why: string) => ({ enforced: false, addresses: 0, why });
  if (!isEnforceable(record)) return not('needs a newer Hedgerow on this router');
  const health = parts.enforcer.health();
  if (!health.enforcing) return not(health.lastError ?? 'this router only observes');
  const addresses = inForce.addresses.get(id) ?? 0;
  if (addresses > 0) return { enforced: true, addresses, why: undefined };
  const spared = inForce.spared.get(id);
  if (spared === undefined) return not('no address is known for it yet');
  return not(
    spared.why === 'guard' ? `${spared.address} is guarded` : 'more addresses than this router may hold',
  );
}
