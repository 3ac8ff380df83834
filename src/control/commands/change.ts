import type { Change, RouterAnswer, Step } from '../author.ts';
import { inOps } from '../author.ts';
import type { Parts } from '../parts.ts';
import type { PolicyView } from '../views/policies.ts';
import { type Written, written } from './written.ts';

/** What every change is told besides what to change. */
export interface ChangeRequest {
  /** Who asks: a person or a door, for the audit. */
  readonly by: string;
  /** Wait for the other routers (default) or only for this one. */
  readonly wait: boolean;
  readonly dryRun: boolean;
}

/** The answer to a change of policies. */
export interface ChangeView extends Written {
  /** False when it was so already. */
  readonly changed: boolean;
  /** The policies that were made, lifted or found to hold already. */
  readonly policies: readonly PolicyView[];
  /** The policies whose place they took. */
  readonly replaced: readonly PolicyView[];
  /** Known names that share an address with what is blocked; a bounded list. */
  readonly alsoAffects: readonly string[];
  /** How many more there are. */
  readonly alsoAffectsMore: number;
}

/** What a change of policies did, to be completed by what the routers answered. */
export interface Outcome extends Partial<Pick<ChangeView, 'replaced' | 'alsoAffects' | 'alsoAffectsMore'>> {
  readonly changed: boolean;
  readonly policies: readonly PolicyView[];
  readonly answers?: readonly RouterAnswer[];
  readonly notes?: readonly string[];
}

/** The answer to a change, as a person is shown it. */
export function changeView(parts: Parts, request: ChangeRequest, outcome: Outcome): ChangeView {
  const { answers = [], notes = [], ...rest } = outcome;
  return {
    replaced: [],
    alsoAffects: [],
    alsoAffectsMore: 0,
    ...rest,
    ...written(parts, { dryRun: request.dryRun, answers, notes }),
  };
}

/** The ids of what was written, in the order of the steps' records, and what the routers answered to the last op. */
export interface WrittenSteps {
  readonly added: readonly string[];
  readonly answers: readonly RouterAnswer[];
}

/**
 * Writes steps, as many in one op as go in. Only the last op is waited for: who has it has those before it.
 * @param signer the recovery key, where it signs instead of this router
 */
export async function writeSteps(
  parts: Parts,
  request: ChangeRequest,
  steps: readonly Step[],
  signer?: Change['signer'],
): Promise<WrittenSteps> {
  const ops = inOps(steps);
  const added: string[] = [];
  let answers: readonly RouterAnswer[] = [];
  for (const [n, step] of ops.entries()) {
    const wait = request.wait && n === ops.length - 1;
    const result = await parts.author.write({ by: request.by, ...step, signer }, wait);
    added.push(...step.add.map((_, index) => `${result.op.id}/${index}`));
    answers = result.answers;
  }
  return { added, answers };
}
