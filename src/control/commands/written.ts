import type { RouterAnswer } from '../author.ts';
import type { Parts } from '../parts.ts';
import { isUnlinked } from '../views/peer-words.ts';

/** What every change answers besides what it changed. */
export interface Written {
  readonly dryRun: boolean;
  /** True when this router's kernel has it. */
  readonly enforced: boolean;
  readonly routers: readonly { router: string; peer: string; applied: boolean; ms: number }[];
  /** Routers of the home that could not be asked: they take it over when they are back. */
  readonly unreachable: readonly string[];
  /** What a person should know besides. */
  readonly notes: readonly string[];
}

/** What the routers answered to a change, as a person is shown it. */
export function written(
  { directory, network, key, enforcer }: Parts,
  of: { dryRun: boolean; answers: readonly RouterAnswer[]; notes: readonly string[] },
): Written {
  const asked = new Set(of.answers.map(({ peer }) => peer));
  const enforcing = enforcer.health().enforcing;
  const own = of.answers.find(({ peer }) => peer === key.peer);
  return {
    dryRun: of.dryRun,
    enforced: enforcing && (own?.applied ?? true),
    routers: of.answers.map(({ peer, applied, ms }) => ({
      router: directory.routerName(peer),
      peer,
      applied: applied && (peer !== key.peer || enforcing),
      ms: Math.round(ms * 10) / 10,
    })),
    unreachable: network
      .peers()
      // With whom this router has no link by choice, it is told by others.
      .filter((view) => view.state !== 'alive' && !asked.has(view.peer) && !isUnlinked(view))
      .map(({ peer }) => directory.routerName(peer)),
    notes: of.notes,
  };
}
