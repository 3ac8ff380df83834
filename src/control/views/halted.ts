import type { Halted } from '../../local/enforce/halts.ts';
import { leftWords } from '../enforcement.ts';

/** Who halted enforcement and for how long, in words; undefined when nobody did. */
export function haltedWords(halted: Halted | undefined): string | undefined {
  if (halted === undefined) return undefined;
  const { by, secondsLeft } = halted;
  if (secondsLeft === undefined) return `cleared by ${by}, until hedgerow enforce`;
  return `suspended by ${by}, for ${leftWords(secondsLeft)} more`;
}
