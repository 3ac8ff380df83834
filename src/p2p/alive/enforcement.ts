/**
 * Whether a router blocks what is decided, as its keep-alives say. `observes`: it cannot, or is not to. `suspended`, `cleared`: a
 * person has halted it.
 */
export interface Enforcement {
  readonly state: 'enforces' | 'observes' | 'suspended' | 'cleared';
  /** Seconds until a suspension ends by itself. */
  readonly secondsLeft: number | undefined;
}

/** By their numbers on the wire; 0 is said by nobody, and by those who do not know of it. */
const STATES = [undefined, 'enforces', 'observes', 'suspended', 'cleared'] as const;

/** The two numbers of a keep-alive. */
export function enforcementNumbers(said: Enforcement | undefined): [state: number, secondsLeft: number] {
  if (said === undefined) return [0, 0];
  return [STATES.indexOf(said.state), Math.ceil(Math.max(0, said.secondsLeft ?? 0))];
}

/** Undefined for what was not said, or by a newer version. */
export function readEnforcement(state: number, secondsLeft: number): Enforcement | undefined {
  const known = STATES[state];
  if (known === undefined) return undefined;
  return { state: known, secondsLeft: known === 'suspended' ? secondsLeft : undefined };
}
