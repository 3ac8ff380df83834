import { type Clock, Coalesce } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { type Address, type BlockSet, emptyBlockSet, type Owner } from '../../policy/block-set.ts';
import type { Exec } from '../exec.ts';
import { Judge } from './judge.ts';
import { isWide, kindsOf, sameMembers } from './shape.ts';

/** A device's address and a remote's. */
export interface Pair {
  readonly near: Address;
  readonly far: Address;
}

/** Up to so many pairs are deleted by name; for more the table is listed once and only what is there is deleted. */
const BY_NAME = 4;
/** Reads deletions from standard input (conntrack(8), since 1.4.7): one command for all of them. */
const BATCH = ['-R', '-'];
/** At most so many deletions for one change. */
const MAX_CUTS = 256;
const TIMEOUT_MS = 10_000;
/** Starting a command takes a few milliseconds of the agent's time, which the next change should not have to wait for. */
const QUIET_MS = 250;
const MAX_WAIT_MS = 1_000;

/** True for what `next` blocks and `before` did not. The answer for known pairs; `addedPairs` lists them. */
export function newlyBlocked(before: BlockSet, next: BlockSet): (near: Address, far: Address) => boolean {
  const now = blocking(next);
  const then = blocking(before);
  return (near, far) => now(near, far) && !then(near, far);
}

/**
 * The pairs of addresses that `next` adds, at most `limit`: undefined if there are more, or if it may be more than pairs
 * (a remote for every device, a network, the internet).
 */
export function addedPairs(before: BlockSet, next: BlockSet, limit: number): readonly Pair[] | undefined {
  for (const far of next.everyone.keys()) if (!before.everyone.has(far)) return undefined;
  const moved = before.home !== next.home && !sameMembers(before.home, next.home);
  const pairs: Pair[] = [];
  for (const owner of next.owners.values()) {
    const old = before.owners.get(owner.id);
    if (old === owner && !moved) continue;
    if (isMoreThanPairs(owner, old)) return undefined;
    for (const far of owner.remotes.keys()) {
      const oldFar = old?.remotes.has(far) ?? false;
      for (const near of owner.addresses) {
        if ((oldFar && old?.addresses.has(near)) || near.includes(':') !== far.includes(':')) continue;
        if (pairs.length === limit) return undefined;
        pairs.push({ near, far });
      }
    }
  }
  return pairs;
}

/** The two addresses that FORWARD sees of an entry in `conntrack -L`: both tuples' sources (NAT is behind them). */
export function parseEntries(text: string): readonly Pair[] {
  const pairs: Pair[] = [];
  for (const line of text.split('\n')) {
    const [near, far] = [...line.matchAll(/ src=([0-9a-f.:]{2,45}) /g)].map((match) => match[1]);
    if (near !== undefined && far !== undefined) pairs.push({ near, far });
  }
  return pairs;
}

/**
 * Deletes the kernel's records of connections that have just been blocked, so that offloaded ones come back to the
 * slow path, where they are dropped. The block itself never waits for this. Never throws; without conntrack(8) there
 * is nothing to delete with.
 */
export class ConntrackCut {
  readonly #exec: Exec;
  readonly #log: Log;
  readonly #soon: Coalesce;
  #stopper = new AbortController();
  #before: BlockSet = emptyBlockSet;
  #wanted: BlockSet = emptyBlockSet;
  #running: Promise<void> | undefined;
  #missing = false;
  /** Whether this conntrack(8) takes several deletions at once; found out by the first ones. */
  #takesBatches: boolean | undefined;
  /** Entries that were deleted, and pairs left out because a change had too many. */
  readonly counts = { cut: 0, leftOut: 0 };

  constructor(exec: Exec, clock: Clock, log: Log) {
    this.#exec = exec;
    this.#log = log;
    this.#soon = new Coalesce(() => this.#begin(), { clock, quietMs: QUIET_MS, maxMs: MAX_WAIT_MS });
  }

  /** The kernel now blocks this. Returns at once; changes that follow quickly are taken together. */
  applied(blockSet: BlockSet): void {
    this.#wanted = blockSet;
    if (!this.#missing) this.#soon.notify();
  }

  /** Forgets what waits; a later change begins anew. */
  async stop(): Promise<void> {
    this.#soon.cancel();
    this.#stopper.abort();
    await this.#running;
    this.#stopper = new AbortController();
  }

  #begin(): void {
    // The run that has just ended may have taken this change with it.
    if (this.#before === this.#wanted || this.#running !== undefined) return;
    // Cleared from outside: a run in which nothing is to be deleted ends before it is kept here.
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    try {
      while (this.#before !== this.#wanted && !this.#stopper.signal.aborted) {
        const [before, next] = [this.#before, this.#wanted];
        this.#before = next;
        const pairs = addedPairs(before, next, BY_NAME) ?? (await this.#present(newlyBlocked(before, next)));
        if (pairs.length > 0) await this.#deleteAll(pairs.flatMap(deletionsOf));
      }
    } catch (error) {
      // Not being able to delete is not being able to help offloaded flows; what is blocked is blocked.
      this.#missing = !this.#stopper.signal.aborted;
      this.#log.debug({ error: messageOf(error) }, 'conntrack entries cannot be deleted');
    }
  }

  async #present(isNew: (near: Address, far: Address) => boolean): Promise<readonly Pair[]> {
    const found = new Map<string, Pair>();
    for (const family of ['ipv4', 'ipv6']) {
      const { stdout } = await this.#conntrack(['-L', '-f', family]);
      for (const { near, far } of parseEntries(stdout)) {
        if (isNew(near, far)) found.set(`${near} ${far}`, { near, far });
        else if (isNew(far, near)) found.set(`${far} ${near}`, { near: far, far: near });
      }
    }
    this.counts.leftOut += Math.max(0, found.size - MAX_CUTS);
    return [...found.values().take(MAX_CUTS)];
  }

  async #deleteAll(deletions: readonly (readonly string[])[]): Promise<void> {
    if (this.#takesBatches !== false) {
      const input = deletions.map((words) => `${words.join(' ')}\n`).join('');
      const { code, stdout } = await this.#conntrack(BATCH, input);
      this.counts.cut += parseEntries(stdout).length;
      this.#takesBatches ??= code === 0;
      if (code === 0) return;
    }
    // An entry that ended by itself meanwhile ends a batch.
    for (const words of deletions) {
      const { stdout } = await this.#conntrack(words);
      this.counts.cut += parseEntries(stdout).length;
    }
  }

  async #conntrack(words: readonly string[], input?: string): Promise<{ code: number; stdout: string }> {
    return this.#exec.run(['conntrack', ...words], {
      timeoutMs: TIMEOUT_MS,
      signal: this.#stopper.signal,
      ...(input === undefined ? {} : { input }),
    });
  }
}

/** Opened by either end; the reply's source is the other end as FORWARD sees it, before or after NAT. */
function deletionsOf({ near, far }: Pair): string[][] {
  const family = near.includes(':') ? 'ipv6' : 'ipv4';
  return [
    ['-D', '-f', family, '-s', near, '-r', far],
    ['-D', '-f', family, '-s', far, '-r', near],
  ];
}

function blocking(blockSet: BlockSet): (near: Address, far: Address) => boolean {
  const judge = new Judge(blockSet);
  return (near, far) => judge.blocked(near, far) !== undefined;
}

/** True if more than addresses are blocked for the owner, or an exception of it is gone: no list of pairs says what that is. */
function isMoreThanPairs(owner: Owner, old: Owner | undefined): boolean {
  if (isWide(kindsOf(owner))) return true;
  for (const excepted of old?.exceptions.keys() ?? []) if (!owner.exceptions.has(excepted)) return true;
  return false;
}
