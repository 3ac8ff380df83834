import type { Address, NodeId } from '../../policy/block-set.ts';
import type { Live } from '../../policy/contents.ts';
import { addressNodeId, domainNodeId } from '../../policy/identity.ts';
import type { Record, Subject } from '../../policy/records.ts';
import type { Parts } from '../parts.ts';

export type PolicyKind = 'block' | 'allow';
export type Policy = Extract<Record, { kind: PolicyKind }>;
export type LivePolicy = Live<Policy>;

/**
 * How far a name reaches. `exact`: what was written is the same. `node`: it is the same node now (its class, its domain).
 * `address`: it is anything that the subject stands for now (the domain, the node that has it, the node's addresses).
 */
export type Reach = 'exact' | 'node' | 'address';

/** The live blocks or allows of a pair, either way round, oldest first. */
export function standing(
  parts: Parts,
  kind: PolicyKind,
  pair: { readonly a: Subject; readonly b: Subject },
  reach: Reach,
): LivePolicy[] {
  const [near, far] = [tokensOf(parts, pair.a, reach), tokensOf(parts, pair.b, reach)];
  return livePolicies(parts, kind, ({ record }) => {
    const a = token(record.a);
    if (!near.has(a) && !far.has(a)) return false;
    const b = token(record.b);
    return (near.has(a) && far.has(b)) || (near.has(b) && far.has(a));
  });
}

/** The live blocks or allows, or those of them that are meant, oldest first by their authors' clocks. */
export function livePolicies(
  parts: Parts,
  kind: PolicyKind,
  isMeant: (policy: LivePolicy) => boolean = () => true,
): LivePolicy[] {
  const policies: LivePolicy[] = [];
  for (const live of parts.replica.live.values()) if (isOf(live, kind) && isMeant(live)) policies.push(live);
  return policies.sort((x, y) => x.op.at - y.op.at || (x.id < y.id ? -1 : 1));
}

function isOf(live: Live, kind: PolicyKind): live is LivePolicy {
  return live.record.kind === kind;
}

/** True when two pairs are written the same, whichever side comes first. */
export function samePair(x: { a: Subject; b: Subject }, y: { a: Subject; b: Subject }): boolean {
  const tokens = (pair: { a: Subject; b: Subject }) => [token(pair.a), token(pair.b)].sort().join('\n');
  return tokens(x) === tokens(y);
}

/** The ids of a node that a subject names, or that has the domain that it names; its class with it. */
export function idsOf(parts: Parts, subject: Subject): readonly NodeId[] {
  switch (subject.kind) {
    case 'device':
    case 'remote':
      return parts.classOf(subject.id);
    case 'domain':
      return parts.classOf(domainNodeId(parts.crypto, parts.replica.home, subject.domain));
    default:
      return [];
  }
}

/** The addresses that all routers together know of a subject that is a node or a domain. */
export function addressesOf(parts: Parts, subject: Subject): Address[] {
  const bindings = idsOf(parts, subject).flatMap((id) => parts.directory.node(id)?.addresses ?? []);
  return [...new Set(bindings.map(({ address }) => address))];
}

/** A device and the home, or the lan: all others, both times; with anything else both are every device. */
function token(subject: Subject): string {
  switch (subject.kind) {
    case 'device':
    case 'remote':
      return `node ${subject.id}`;
    case 'domain':
      return `domain ${subject.domain}`;
    case 'pattern':
      return `pattern ${subject.suffix}`;
    case 'network':
      return `network ${subject.prefix}`;
    case 'group':
      return `group ${subject.group}`;
    case 'router':
      return `router ${subject.peer}`;
    case 'internet':
      return 'internet';
    default:
      return 'home';
  }
}

function tokensOf(parts: Parts, subject: Subject, reach: Reach): ReadonlySet<string> {
  const tokens = new Set([token(subject)]);
  if (reach === 'exact') return tokens;
  const note = (ids: readonly NodeId[]): void => {
    for (const id of ids) {
      tokens.add(`node ${id}`);
      for (const domain of parts.directory.node(id)?.domains ?? []) tokens.add(`domain ${domain}`);
    }
  };
  note(idsOf(parts, subject));
  const outside = subject.kind === 'remote' || subject.kind === 'domain';
  if (reach === 'node' || !outside) return tokens;
  const { crypto, cache, replica } = parts;
  const addresses = addressesOf(parts, subject);
  if (subject.kind === 'remote') {
    // An address stands for the names that answer with it, and those for all that they answer with.
    for (const address of [...addresses]) {
      for (const domain of cache.domainsOf(address)) {
        tokens.add(`domain ${domain}`);
        note(idsOf(parts, { kind: 'domain', domain }));
        addresses.push(...addressesOf(parts, { kind: 'domain', domain }));
      }
    }
  }
  for (const address of addresses) tokens.add(`node ${addressNodeId(crypto, replica.home, address)}`);
  return tokens;
}
