import { createHash } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { type Clock, Coalesce, type Timer } from '../../clock.ts';
import { DataError, messageOf, UnavailableError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Exec } from '../exec.ts';
import { type Fill, inTurn, type Plan } from './backend.ts';
import { letsPass } from './exceptions.ts';
import { parseSetName } from './names.ts';
import { TABLES } from './nft/names.ts';
import { restoreNft } from './nft/restore.ts';
import { restoreIpset } from './restore-ipset.ts';

const HEAD = /^hedgerow-plan\/([12]) ([0-9a-f]{64})\n/;
const VERSION = 2;
const fill = z.strictObject({ passing: z.string(), blocking: z.string(), known: z.string() });
const beside = { bridge: z.string().optional(), own: z.string().optional() };
const ipset = {
  backend: z.literal('ipset'),
  variant: z.enum(['legacy', 'nft', 'plain']),
  chains: z.strictObject({ v4: z.string(), v6: z.string() }),
  ...beside,
};
const nftables = z.strictObject({
  backend: z.literal('nftables'),
  table: z.string(),
  ...beside,
});
const planSchema = z.discriminatedUnion('backend', [
  z.strictObject({ ...ipset, sets: z.strictObject({ v4: fill, v6: fill }) }),
  nftables,
]);
/** As it was written before the lines for `ipset restore` were in parts; it is read still, for an upgrade ends with a reboot. */
const firstSchema = z.discriminatedUnion('backend', [
  z.strictObject({ ...ipset, sets: z.string().transform(sortedOut) }),
  nftables,
]);

/**
 * A plan is made and written this long after the last change, and after the first one at most this long, milliseconds: whoever asked
 * for a change has the answer by then, and does not share the disk with it.
 */
const QUIET_MS = 100;
const MAX_WAIT_MS = 1_000;
/** Changes of addresses alone are written at most this often, to spare flash memory. */
const ADDRESSES_EVERY_MS = 60_000;
/** A write that failed is tried again after this long, if no change comes before: the disk may have room by then. */
const RETRY_MS = 60_000;

/** The text of a plan file: a line with the format and the SHA-256 of the rest, then JSON. */
export function encodePlan(plan: Plan): string {
  const body = JSON.stringify(plan);
  return `hedgerow-plan/${VERSION} ${createHash('sha256').update(body).digest('hex')}\n${body}`;
}

/** The plan in a file's text, or what is wrong with it. */
export function decodePlan(text: string): { plan: Plan } | { wrong: string } {
  const head = HEAD.exec(text);
  if (head === null)
    return { wrong: text.startsWith('hedgerow-plan/') ? 'unknown version' : 'not a plan file' };
  const body = text.slice(head[0].length);
  if (createHash('sha256').update(body).digest('hex') !== head[2])
    return { wrong: 'the checksum does not match' };
  try {
    const schema = head[1] === '1' ? firstSchema : planSchema;
    const parsed = schema.safeParse(JSON.parse(body));
    return parsed.success ? { plan: parsed.data } : { wrong: 'not a plan' };
  } catch {
    return { wrong: 'not JSON' };
  }
}

/** The parts of the lines that the first format had in one text. */
function sortedOut(sets: string): { v4: Fill; v6: Fill } {
  const parts = {
    v4: { passing: '', blocking: '', known: '' },
    v6: { passing: '', blocking: '', known: '' },
  };
  for (const line of sets.split('\n')) {
    const name = line.split(' ', 2)[1] ?? '';
    const { letter, family = 4 } = parseSetName(name) ?? {};
    const part = letter === 'K' ? 'known' : letter === 'H' || letsPass(name) ? 'passing' : 'blocking';
    if (line !== '') parts[`v${family}`][part] += `${line}\n`;
  }
  return parts;
}

export interface PlanFileOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Keeps the last applied plan in one checksummed file, replaced atomically. A write that fails is logged, counted, told and
 * tried again: enforcement does not depend on it, but the next boot does.
 */
export class PlanFile {
  readonly #options: PlanFileOptions;
  #state: string | undefined;
  #writtenAt = Number.NEGATIVE_INFINITY;
  #wanted: { state: string; plan: () => Plan | undefined } | undefined;
  #timer: Timer | undefined;
  readonly #soon: Coalesce;
  #writing: Promise<void> | undefined;
  /** What waits became due during a write. */
  #again = false;
  #failures = 0;
  #problem: string | undefined;

  constructor(options: PlanFileOptions) {
    this.#options = options;
    this.#soon = new Coalesce(() => this.#begin(), {
      clock: options.clock,
      quietMs: QUIET_MS,
      maxMs: MAX_WAIT_MS,
    });
  }

  /** Writes that failed. */
  get failures(): number {
    return this.#failures;
  }

  /** Why the newest plan is not on the disk; undefined when it is, or waits for its turn. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * A change was acknowledged. One of the policy (another state) is written a moment later, one of addresses (the same
   * state) at most once a minute. Returns at once; of several that wait the newest is made and written.
   */
  keep(state: string, plan: () => Plan | undefined): void {
    this.#wanted = { state, plan };
    const { clock } = this.#options;
    const due = state === this.#state ? this.#writtenAt + ADDRESSES_EVERY_MS - clock.monotonic() : 0;
    if (due <= 0) this.#soon.notify();
    else this.#timer ??= clock.after(due, () => this.#begin());
  }

  /** The backend is about to forget what it applied: a plan that waits is made now, and written in its turn. */
  make(): void {
    if (this.#wanted === undefined) return;
    const { state, plan } = this.#wanted;
    const made = plan();
    this.#wanted = { state, plan: () => made };
  }

  /** Writes what waits and resolves when it is on the disk. */
  async flush(): Promise<void> {
    this.#begin();
    await this.#writing;
    this.#timer?.clear();
    this.#timer = undefined;
  }

  #begin(): void {
    this.#soon.cancel();
    this.#timer?.clear();
    this.#timer = undefined;
    if (this.#wanted === undefined) return;
    this.#again = this.#writing !== undefined;
    if (this.#again) return;
    // Cleared from outside: where there is no plan after all it ends before it is kept here.
    this.#writing = this.#writeAll().finally(() => {
      this.#writing = undefined;
      if (this.#again) this.#begin();
    });
  }

  async #writeAll(): Promise<void> {
    do {
      this.#again = false;
      if (this.#wanted === undefined) break;
      const wanted = this.#wanted;
      const { state, plan } = wanted;
      this.#wanted = undefined;
      const current = plan();
      if (current === undefined) continue;
      try {
        await replace(this.#options.path, encodePlan(current));
        this.#state = state;
        this.#writtenAt = this.#options.clock.monotonic();
        this.#problem = undefined;
      } catch (error) {
        this.#failures += 1;
        this.#problem = messageOf(error);
        this.#options.log.warn({ error: this.#problem }, 'the plan file could not be written');
        this.#wanted ??= { state, plan: () => current };
        this.#timer ??= this.#options.clock.after(RETRY_MS, () => this.#begin());
      }
    } while (this.#again);
  }
}

/** The old file or the new one, never a part of one, also after a power cut. */
async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * Puts the plan of a file in force without agent, store or network: at boot, before forwarding is on. Safe when rules
 * are in place already: what blocks only grows, and chains, exceptions, the home and the guard that are in force are left
 * alone, because the kernel is never older than the file; what is too much goes with the agent's first run. A part that fails is
 * in the way of no other. Throws DataError for a damaged file,
 * UnavailableError for a missing file or tool, TemporaryError if a tool failed.
 */
export async function restorePlan(path: string, exec: Exec, signal: AbortSignal): Promise<Plan> {
  const plan = await readPlan(path, signal);
  const beside = async (of: 'bridged' | 'own', table: string | undefined) => {
    if (table !== undefined) await restoreNft({ table }, exec, signal, TABLES[of]);
  };
  const routed = async () =>
    plan.backend === 'nftables' ? restoreNft(plan, exec, signal) : restoreIpset(plan, exec, signal);
  await inTurn(routed, () =>
    inTurn(
      () => beside('bridged', plan.bridge),
      () => beside('own', plan.own),
    ),
  );
  return plan;
}

/** The plan of a file. Throws DataError for a damaged file, UnavailableError for a missing one. */
export async function readPlan(path: string, signal: AbortSignal): Promise<Plan> {
  const text = await readFile(path, { encoding: 'utf8', signal }).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new UnavailableError(`there is no plan to restore: ${messageOf(cause)}`, {
      cause,
      hint: 'the agent writes it after its first block',
    });
  });
  const decoded = decodePlan(text);
  if ('wrong' in decoded) {
    throw new DataError(`the plan file is damaged: ${decoded.wrong}`, {
      hint: 'start the agent: it writes a new one',
    });
  }
  return decoded.plan;
}
