import { UsageError } from '../../errors.ts';
import { addressNodeId, domainNodeId } from '../../policy/identity.ts';
import type { Subject } from '../../policy/records.ts';
import type { Live } from '../../policy/replica.ts';
import type { RouterAnswer } from '../author.ts';
import type { Parts } from '../parts.ts';
import { type PolicyView, policyView } from '../views/policies.ts';
import { blockRecord, blocksOf, resolvePair } from './pair.ts';

export interface ChangeRequest {
  /** Who asks: a person or a door, for the audit. */
  readonly by: string;
  /** Wait for the other routers (default) or only for this one. */
  readonly wait: boolean;
  readonly dryRun: boolean;
}

/** The answer to a change. */
export interface ChangeView {
  /** False when it was so already. */
  readonly changed: boolean;
  readonly dryRun: boolean;
  /** The policies that were made or lifted. */
  readonly policies: readonly PolicyView[];
  /** True when this router's kernel has it. */
  readonly enforced: boolean;
  readonly routers: readonly { router: string; peer: string; applied: boolean; ms: number }[];
  /** Routers of the home that could not be asked: they take it over when they are back. */
  readonly unreachable: readonly string[];
  /** Known names that share an address with what is blocked. */
  readonly alsoAffects: readonly string[];
  /** What a person should know besides. */
  readonly notes: readonly string[];
}

const NAME_OF_NOBODY = 'no address is known for it yet: it bites as soon as any router sees one';

/** Blocks a pair. What is blocked already is not blocked again. */
export async function block(
  parts: Parts,
  request: ChangeRequest & { first: string; second?: string | undefined; reason?: string | undefined },
): Promise<ChangeView> {
  const { a, b } = resolvePair(parts.directory, request.first, request.second);
  await learn(parts, b.subject);
  const held = blocksOf(parts, a.subject, [b.subject]);
  const notes = addressesOf(parts, b.subject).length === 0 ? [`${b.label}: ${NAME_OF_NOBODY}`] : [];
  const affected = alsoAffects(parts, b.subject);
  if (held.length > 0 || request.dryRun) {
    const policies = held.map((live) => policyView(parts, live));
    return answer(parts, { changed: held.length === 0, request, policies, answers: [], affected, notes });
  }
  const record = blockRecord(a.subject, b.subject, request.reason);
  const { op, answers } = await parts.author.write({ by: request.by, add: [record] }, request.wait);
  const live = { id: `${op.id}/0`, op, record };
  return answer(parts, {
    changed: true,
    request,
    policies: [policyView(parts, live)],
    answers,
    affected,
    notes,
  });
}

/**
 * Lifts the blocks of a pair, by whichever name the far side is called: the domain, the node that has it, its address.
 * Or one policy by the beginning of its id. More than one is lifted only with `all`.
 */
export async function unblock(
  parts: Parts,
  request: ChangeRequest & { first: string; second?: string | undefined; all: boolean },
): Promise<ChangeView> {
  const found = findBlocks(parts, request.first, request.second);
  const policies = found.map((live) => policyView(parts, live));
  if (found.length > 1 && !request.all) {
    const list = policies.map((policy) => `${policy.id.slice(0, 8)} ${policy.a.label} – ${policy.b.label}`);
    throw new UsageError(`this would lift ${found.length} policies: ${list.join('; ')}`, {
      hint: 'repeat it with --all, or name one of them by its id',
    });
  }
  if (found.length === 0)
    throw new UsageError('no such block', { hint: 'hedgerow policies lists what is blocked' });
  if (request.dryRun)
    return answer(parts, { changed: true, request, policies, answers: [], affected: [], notes: [] });
  const over = found.map((live) => live.id);
  const { answers } = await parts.author.write({ by: request.by, over }, request.wait);
  return answer(parts, { changed: true, request, policies, answers, affected: [], notes: [] });
}

function findBlocks(parts: Parts, first: string, second: string | undefined): Live[] {
  const blocks = [...parts.replica.live.values()].filter((live) => live.record.kind === 'block');
  if (second === undefined && /^[0-9a-f]{6,64}(\/\d+)?$/.test(first)) {
    const byId = blocks.filter((live) => live.id.startsWith(first));
    if (byId.length > 0) return byId;
  }
  const { a, b } = resolvePair(parts.directory, first, second);
  return blocksOf(parts, a.subject, namesOf(parts, b.subject));
}

/** A subject under all the names that it has here. */
function namesOf(parts: Parts, subject: Subject): Subject[] {
  const { crypto, replica, directory } = parts;
  const names: Subject[] = [subject];
  if (subject.kind === 'domain') {
    const id = domainNodeId(crypto, replica.home, subject.domain);
    names.push({ kind: 'remote', id });
    for (const { address } of directory.node(id)?.addresses ?? []) {
      names.push({ kind: 'remote', id: addressNodeId(crypto, replica.home, address) });
    }
  } else if (subject.kind === 'remote') {
    for (const domain of directory.node(subject.id)?.domains ?? []) names.push({ kind: 'domain', domain });
  }
  return names;
}

function addressesOf(parts: Parts, subject: Subject): string[] {
  const id =
    subject.kind === 'domain'
      ? domainNodeId(parts.crypto, parts.replica.home, subject.domain)
      : 'id' in subject
        ? subject.id
        : undefined;
  return (id === undefined ? [] : (parts.directory.node(id)?.addresses ?? [])).map(
    (binding) => binding.address,
  );
}

/** Other names that answered with an address that the block covers. */
function alsoAffects(parts: Parts, subject: Subject): string[] {
  if (subject.kind !== 'domain' && subject.kind !== 'remote') return [];
  const own =
    subject.kind === 'domain' ? [subject.domain] : (parts.directory.node(subject.id)?.domains ?? []);
  const names = new Set(addressesOf(parts, subject).flatMap((address) => parts.cache.domainsOf(address)));
  return [...names].filter((name) => !own.includes(name)).sort();
}

/** A domain of which nobody knows an address is looked up once, so that the block bites from the first packet. */
async function learn(parts: Parts, subject: Subject): Promise<void> {
  if (subject.kind === 'domain' && addressesOf(parts, subject).length === 0)
    await parts.resolve(subject.domain);
}

function answer(
  parts: Parts,
  of: {
    changed: boolean;
    request: ChangeRequest;
    policies: readonly PolicyView[];
    answers: readonly RouterAnswer[];
    affected: readonly string[];
    notes: readonly string[];
  },
): ChangeView {
  const { directory, network, key, enforcer } = parts;
  const asked = new Set(of.answers.map((entry) => entry.peer));
  const enforcing = enforcer.health().enforcing;
  const own = of.answers.find((entry) => entry.peer === key.peer);
  return {
    changed: of.changed,
    dryRun: of.request.dryRun,
    policies: of.policies,
    enforced: enforcing && (own?.applied ?? true),
    routers: of.answers.map(({ peer, applied, ms }) => ({
      router: directory.routerName(peer),
      peer,
      applied: applied && (peer !== key.peer || enforcing),
      ms: Math.round(ms * 10) / 10,
    })),
    unreachable: network
      .peers()
      .filter(({ peer, state }) => state !== 'alive' && !asked.has(peer))
      .map(({ peer }) => directory.routerName(peer)),
    alsoAffects: of.affected,
    notes: of.notes,
  };
}
