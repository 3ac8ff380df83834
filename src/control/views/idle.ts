import type { EnforcerHealth } from '../../local/enforce/enforcer-health.ts';
import { isEnforcing } from '../enforcement.ts';
import { haltedWords } from './halted.ts';

type Health = Pick<EnforcerHealth, 'halted' | 'lastError' | 'standing'>;

/** The backend in use, and why. */
interface Backend {
  readonly name: string;
  readonly detail: string;
}

const NOT_YET = 'the kernel has not been brought up to date yet';

/**
 * Why it is not known of a policy that it is in force here: a person has halted it, it failed, the backend enforces nothing, or the
 * kernel has not acknowledged it yet.
 */
export function idleWords(backend: Backend, health: Health): string {
  const why = reason(backend, health);
  return health.standing === true ? `${why}; what was blocked before still is` : why;
}

/**
 * The same as a sentence about this router, with what is in force there all the same: rules outlive the agent, and what failed
 * leaves those of before.
 */
export function idleProblem(backend: Backend, health: Health): string {
  const { halted, lastError, standing } = health;
  const why = reason(backend, health);
  const settled = !isEnforcing(backend.name) || (halted !== undefined && lastError === undefined);
  if (settled && standing === true)
    return `this router enforces nothing new: ${why}; but the kernel still blocks what an earlier run has put there (hedgerow clear takes it out)`;
  if (settled || standing === false) return `nothing is enforced on this router: ${why}`;
  if (standing === true && lastError !== undefined)
    return `the newest changes are not in force on this router: ${why}; what was blocked before still is`;
  if (standing === true)
    return 'the kernel still has the rules of an earlier run, which block; they are being taken over';
  return lastError === undefined
    ? 'the kernel is being brought up to date; what an earlier run has left there blocks until then'
    : `the newest changes are not in force on this router, and what was before cannot be looked at: ${why}`;
}

function reason(backend: Backend, { halted, lastError }: Health): string {
  return haltedWords(halted) ?? lastError ?? (isEnforcing(backend.name) ? NOT_YET : backend.detail);
}
