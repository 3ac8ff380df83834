import type { Halted } from '../../local/enforce/halts.ts';

/** Who halted enforcement and for how long, in words; undefined when nobody did. */
export function haltedWords(halted: Halted | undefined): string | undefined {
  if (halted === undefined) return undefined;
  const { by, secondsLeft } = halted;
  if (secondsLeft === undefined) return `cleared by ${by}, until hedgerow enforce`;
  const left = secondsLeft < 120 ? `${secondsLeft} s` : `${Math.ceil(secondsLeft / 60)} min`;
  return `suspended by ${by}, for ${left} more`;
}
