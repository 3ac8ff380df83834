import fc from 'fast-check';
import type { Terms } from '../../src/policy/records.ts';

/** One router that holds one timed record, as the law sees it. Its monotonic clock runs only while it does. */
export interface TimeSubject {
  /** So much true time passes while the router runs, milliseconds. */
  run(ms: number): Promise<void>;
  /** So much true time passes while it is suspended. */
  suspend(ms: number): Promise<void>;
  /** It is off for so long and starts again; what it has not saved is lost. */
  restart(offMs: number): Promise<void>;
  /** Its wall clock is set, Unix milliseconds. */
  setWall(ms: number): Promise<void>;
  setTrusted(trusted: boolean): Promise<void>;
  inForce(): boolean;
  /** It has asked for the record to be retired. */
  ended(): boolean;
}

export type TimeStep =
  | { readonly kind: 'run' | 'suspend' | 'restart'; readonly ms: number }
  | { readonly kind: 'wall'; readonly byMs: number }
  | { readonly kind: 'trust'; readonly trusted: boolean };

export interface TimeStory {
  readonly terms: Terms;
  readonly steps: readonly TimeStep[];
}

/** When the record is written and first seen in every story, true time. */
export const WRITTEN = Date.parse('2026-03-28T20:00:00Z');

const length = fc.oneof(fc.nat(90_000), fc.nat(3_600_000), fc.nat(6 * 3_600_000));
const forS = fc.integer({ min: 1, max: 6 * 3600 });
const terms: fc.Arbitrary<Terms> = fc.oneof(
  forS.map((seconds) => ({ for: seconds })),
  // As an author with a trusted clock writes them.
  forS.map((seconds) => ({ for: seconds, until: WRITTEN + seconds * 1000 })),
  forS.map((seconds) => ({ until: WRITTEN + seconds * 1000 })),
);
const step: fc.Arbitrary<TimeStep> = fc.oneof(
  fc.record({ kind: fc.constantFrom('run', 'run', 'suspend', 'restart'), ms: length }),
  fc.record({ kind: fc.constant('wall'), byMs: fc.integer({ min: -1e9, max: 1e9 }) }),
  fc.record({ kind: fc.constant('trust'), trusted: fc.boolean() }),
);
export const timeStories: fc.Arbitrary<TimeStory> = fc.record({
  terms,
  steps: fc.array(step, { minLength: 1, maxLength: 25 }),
});

/**
 * P15: no block ends early under any clock. The wall clock jumps about, trust comes and goes, the router is suspended and
 * restarted. A clock is right while it is trusted; with a `for` a block does not even need that.
 */
export async function lawP15(
  make: (terms: Terms) => Promise<TimeSubject>,
  { terms, steps }: TimeStory,
): Promise<void> {
  const subject = await make(terms);
  const due = Math.max(WRITTEN + (terms.for ?? 0) * 1000, terms.until ?? 0);
  let now = WRITTEN;
  let trusted = false;
  const judge = (what: string) => {
    if (now < due && (!subject.inForce() || subject.ended()))
      throw new Error(`after ${what} a block ended ${(due - now) / 1000} s early`);
  };
  const lies = terms.for !== undefined;
  for (const step of steps) {
    if (step.kind === 'trust') {
      if (step.trusted && !lies) await subject.setWall(now);
      trusted = step.trusted;
      await subject.setTrusted(trusted);
    } else if (step.kind === 'wall') {
      if (!trusted || lies) await subject.setWall(now + step.byMs);
    } else {
      now += step.ms;
      // The wall clock goes on while a router sleeps; one that is trusted has been set right when it wakes up.
      await subject[step.kind](step.ms);
      if (trusted && !lies) await subject.setWall(now);
    }
    judge(step.kind);
  }
}
