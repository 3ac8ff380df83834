/** Something that must not be: which of the demands, and the particulars. */
export interface Failure {
  readonly what: string;
  readonly detail: string;
}

/** How often things happened in one world or many. */
export interface Counts {
  steps: number;
  ops: number;
  sessions: number;
  broken: number;
  messages: number;
  lost: number;
  doubled: number;
  late: number;
  starts: number;
  losses: number;
  putBack: number;
  forks: number;
  joins: number;
  /** Of those, by an invitation. */
  invited: number;
  leaves: number;
  evictions: number;
  defiances: number;
  looks: number;
  /** Homes that did not come to agree by themselves, because of who had evicted whom. */
  byHand: number;
}

export function nothing(): Counts {
  return {
    steps: 0,
    ops: 0,
    sessions: 0,
    broken: 0,
    messages: 0,
    lost: 0,
    doubled: 0,
    late: 0,
    starts: 0,
    losses: 0,
    putBack: 0,
    forks: 0,
    joins: 0,
    invited: 0,
    leaves: 0,
    evictions: 0,
    defiances: 0,
    looks: 0,
    byHand: 0,
  };
}

/** Adds the second to the first. */
export function add(sum: Counts, more: Counts): void {
  for (const name of Object.keys(sum) as (keyof Counts)[]) sum[name] += more[name];
}
