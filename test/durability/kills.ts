import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../sim/random.ts';
import { type Agent, inStep, joinHome, Place } from './agent.ts';

export interface KillsOptions {
  readonly seed: number;
  readonly kills: number;
  /** Every other block is of an address, which a register has to remember besides. */
  readonly addresses: boolean;
  readonly signal?: AbortSignal;
  readonly tell?: (line: string) => void;
}

export interface KillsReport {
  readonly kills: number;
  /** Changes that were answered. */
  readonly acknowledged: number;
  /** Changes that were asked for and not answered when the agent died. */
  readonly open: number;
  /** What was answered and then not so; empty if all is well. */
  readonly wrong: readonly string[];
}

/** The same agent is killed so often before the other one is compared with it, and takes its place. */
const IN_A_ROW = 5;
/** So many changes are asked for at a time, so that writes are grouped. */
const WORKERS = 4;
const EACH = 40;
/** The agent is killed so long after its first answer, milliseconds. */
const LEAST_MS = 5;
const MOST_MS = 400;

/** So long the other agent has for the addresses, milliseconds. */
const REGISTERS_MS = 5_000;

/** What is known of a domain or an address: `open` while a change of it was not answered. */
type Known = 'blocked' | 'free' | 'open';

/**
 * Two agents of one home, one of them busy with changes and killed (SIGKILL) at a random moment, again and again:
 * every change that was answered must be there afterwards, on both.
 */
export async function kills({
  seed,
  kills: count,
  addresses,
  signal,
  tell,
}: KillsOptions): Promise<KillsReport> {
  const dice = new Random(seed);
  const place = new Place('kills');
  const known = new Map<string, Known>();
  /** Of what was asked for and not answered the other agent may know more than the one that died, until both hold the same. */
  const doubtful = new Set<string>();
  const wrong: string[] = [];
  const note = (lines: readonly string[]): void => {
    wrong.push(...lines);
    for (const line of lines) tell?.(line);
  };
  let acknowledged = 0;
  let open = 0;
  try {
    const pair = [place.agent('attic'), place.agent('garage')] as const;
    await Promise.all(pair.map((agent) => agent.start()));
    await joinHome(pair[0], pair[1]);
    for (let n = 0; n < count; n++) {
      signal?.throwIfAborted();
      const [victim, other] = Math.floor(n / IN_A_ROW) % 2 === 0 ? pair : [pair[1], pair[0]];
      const first = Promise.withResolvers<void>();
      const work = Array.from({ length: WORKERS }, (_, worker) => {
        const pick = () => far(worker, addresses, dice);
        return change(victim, pick, known, first.resolve);
      });
      await Promise.race([first.promise, Promise.all(work)]);
      await sleep(LEAST_MS + dice.next() * (MOST_MS - LEAST_MS));
      await victim.end('SIGKILL');
      for (const answers of await Promise.all(work)) acknowledged += answers;
      const asked = [...known].filter(([, state]) => state === 'open').map(([far]) => far);
      open += asked.length;
      for (const far of asked) doubtful.add(far);
      await victim.start();
      note(differences(`kill ${n}, ${victim.name}`, without(known, doubtful), await victim.blocked()));
      await settle(victim, known);
      if (n % IN_A_ROW === IN_A_ROW - 1 || n === count - 1) {
        await inStep(victim, other);
        note(
          await lasting(async () => {
            const now = await other.blocked();
            return differences(`kill ${n}, ${other.name}`, without(known, doubtful), now);
          }),
        );
        await settle(victim, known);
        doubtful.clear();
      }
      if (n % 50 === 49) tell?.(`${n + 1} kills, ${acknowledged} changes answered, ${wrong.length} wrong`);
    }
  } finally {
    await place.leave();
  }
  return { kills: count, acknowledged, open, wrong };
}

function far(worker: number, addresses: boolean, dice: Random): string {
  const which = dice.below(EACH);
  return addresses && worker % 2 === 1 ? `198.18.${worker}.${1 + which}` : `n${which}.w${worker}.example`;
}

/** Changes one domain, or address, after the other until the agent dies; answers how many changes were acknowledged. */
async function change(
  agent: Agent,
  pick: () => string,
  known: Map<string, Known>,
  answered: () => void,
): Promise<number> {
  for (let answers = 0; ; answers++) {
    const far = pick();
    const wasBlocked = known.get(far) === 'blocked';
    known.set(far, 'open');
    try {
      await (wasBlocked ? agent.unblock(far) : agent.block(far));
    } catch (error) {
      if (error instanceof Error && error.name === 'UnavailableError') return answers;
      throw error;
    }
    known.set(far, wasBlocked ? 'free' : 'blocked');
    answered();
  }
}

function without(known: ReadonlyMap<string, Known>, doubtful: ReadonlySet<string>): Map<string, Known> {
  return new Map([...known].filter(([far]) => !doubtful.has(far)));
}

function differences(when: string, known: ReadonlyMap<string, Known>, blocked: readonly string[]): string[] {
  const now = new Set(blocked);
  return [...known]
    .filter(([far, state]) => now.has(far) !== (state === 'blocked'))
    .map(([far, state]) => `${when}: ${far} was answered to be ${state}`);
}

/** What is still different after a while: the addresses of nodes come right after the policies that name them. */
async function lasting(look: () => Promise<string[]>): Promise<string[]> {
  const deadline = performance.now() + REGISTERS_MS;
  for (;;) {
    const lines = await look();
    if (lines.length === 0 || performance.now() > deadline) return lines;
    await sleep(100);
  }
}

/** What was open is now what it is. */
async function settle(agent: Agent, known: Map<string, Known>): Promise<void> {
  const now = new Set(await agent.blocked());
  for (const far of known.keys()) known.set(far, now.has(far) ? 'blocked' : 'free');
}
