import type { Parts } from '../parts.ts';

/** How long this router and another one wait for each other before the one calls the other down. */
export interface ToleranceRow {
  readonly router: string;
  readonly peer: string;
  /** What a person set here; undefined: the default. */
  readonly setSeconds: number | undefined;
  /** What holds now. `stretched`: more than was wished, because the other one cannot speak as often. */
  readonly toleranceSeconds: number;
  readonly stretched: boolean;
  /** How long the other one waits for us; undefined when it has not said. */
  readonly theirToleranceSeconds: number | undefined;
}

export function tolerancesView({ network, directory, tolerances }: Parts): ToleranceRow[] {
  const set = tolerances?.read();
  return network.peers().map((view) => {
    const ms = set?.get(view.peer);
    const theirs = view.theirToleranceMs;
    return {
      router: directory.routerName(view.peer),
      peer: view.peer,
      setSeconds: ms === undefined ? undefined : ms / 1_000,
      toleranceSeconds: view.toleranceMs / 1_000,
      stretched: view.stretched,
      theirToleranceSeconds: theirs === undefined ? undefined : theirs / 1_000,
    };
  });
}
