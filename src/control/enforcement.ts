import type { EnforcerHealth } from '../local/enforce/enforcer-health.ts';
import type { Enforcement } from '../p2p/alive/enforcement.ts';

/**
 * What this router says of itself to the others.
 * @param holding it waits for them to tell what is blocked, and what was blocked stays so
 */
export function enforcementOf(
  {
    enforcing,
    halted,
    standing,
    backend,
  }: Pick<EnforcerHealth, 'enforcing' | 'halted' | 'standing' | 'backend'>,
  holding: boolean,
): Enforcement {
  if (halted !== undefined) return { state: halted.kind, secondsLeft: halted.secondsLeft };
  // What it blocked before it was started goes on being blocked while it takes that over.
  const blocks = standing === true && isEnforcing(backend);
  return { state: enforcing || holding || blocks ? 'enforces' : 'observes', secondsLeft: undefined };
}

/** Whether a backend of this name puts anything in force. */
export function isEnforcing(backend: string): boolean {
  return backend !== 'observer' && backend !== 'dry-run';
}

/** What a person should know of another router, as what follows its name; undefined while it blocks, or has not said. */
export function enforcementWords(said: Enforcement | undefined): string | undefined {
  switch (said?.state) {
    case 'suspended':
      return `blocks nothing: suspended, for ${leftWords(said.secondsLeft ?? 0)} more`;
    case 'cleared':
      return 'blocks nothing: cleared, until hedgerow enforce there';
    case 'observes':
      return 'blocks nothing: it only observes';
    default:
      return undefined;
  }
}

/** `90 s`, `9 min`. */
export function leftWords(seconds: number): string {
  return seconds < 120 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}
