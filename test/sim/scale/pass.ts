import type { Timeline } from './timeline.ts';

/** Lets virtual time pass, and real time too: every virtual second the process looks up, so that it can be interrupted. */
export type Pass = (timeline: Timeline, ms: number) => Promise<void>;

const SLICE_MS = 1_000;

/** @param signal ends a run with an error between two slices. */
export function passing(signal?: AbortSignal, onSlice: () => void = () => undefined): Pass {
  return async (timeline, ms) => {
    for (let left = ms; left > 0; left -= SLICE_MS) {
      await timeline.run(Math.min(SLICE_MS, left));
      await new Promise<void>((resolve) => setImmediate(resolve));
      onSlice();
      signal?.throwIfAborted();
    }
  };
}
