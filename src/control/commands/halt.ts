import { HedgerowError, UsageError } from '../../errors.ts';
import { type Halt, LONGEST_SUSPENSION_S } from '../../local/enforce/halt.ts';
import type { Halted } from '../../local/enforce/halts.ts';
import { parseFor } from '../durations.ts';
import type { Parts } from '../parts.ts';
import { UNCONFIRMED } from './wide.ts';

/** What halting enforcement on this router, or going on with it, came to. */
export interface HaltView {
  readonly dryRun: boolean;
  readonly changed: boolean;
  /** What holds now; with `dryRun` what would. */
  readonly halted: Halted | undefined;
  /** Whether this router's kernel blocks what is decided. */
  readonly enforcing: boolean;
  readonly notes: readonly string[];
}

interface Request {
  readonly by: string;
  readonly dryRun: boolean;
}

/** Nothing is blocked on this router for a while; it ends by itself. UsageError for more than a day. */
export async function suspend(parts: Parts, request: Request & { for: string }): Promise<HaltView> {
  const seconds = parseFor(request.for);
  if (seconds > LONGEST_SUSPENSION_S) {
    throw new UsageError('a suspension lasts for a day at most', {
      hint: 'hedgerow clear has no end: it lasts until hedgerow enforce',
    });
  }
  const at = parts.clock.now();
  const { by } = request;
  return halt(parts, request, { kind: 'suspended', by, at, until: at + seconds * 1000 });
}

/** Everything of ours goes out of this router's kernel until {@link enforce}. It has to be confirmed. */
export async function clear(parts: Parts, request: Request & { confirm: boolean }): Promise<HaltView> {
  if (!request.confirm && !request.dryRun) {
    throw new HedgerowError(
      UNCONFIRMED,
      'nothing is blocked on this router any more until hedgerow enforce',
      {
        hint: 'if it is meant so, repeat it with --yes (in a request: "confirm": true)',
        exitCode: 64,
      },
    );
  }
  return halt(parts, request, { kind: 'cleared', by: request.by, at: parts.clock.now() });
}

/** What was suspended or cleared is blocked again. */
export async function enforce(parts: Parts, { by, dryRun }: Request): Promise<HaltView> {
  const { halts, enforcer } = parts;
  const changed = halts.now() !== undefined;
  const notes: string[] = [];
  if (!dryRun && changed) {
    const problem = halts.lift(by);
    if (problem !== undefined) notes.push(`when the agent starts again it may halt again: ${problem}`);
    await enforcer.settled();
  }
  const { enforcing, lastError } = enforcer.health();
  if (!enforcing && !dryRun) notes.push(lastError ?? parts.backend.detail);
  return { dryRun, changed, halted: undefined, enforcing: enforcing || (dryRun && changed), notes };
}

async function halt(parts: Parts, { dryRun }: Request, what: Halt): Promise<HaltView> {
  const { halts, enforcer } = parts;
  const before = halts.now();
  const changed = what.kind !== 'cleared' || before?.kind !== 'cleared';
  const notes: string[] = [];
  if (!dryRun && changed) {
    const problem = halts.set(what);
    if (problem !== undefined)
      notes.push(`it ends when the agent does, because it cannot be kept: ${problem}`);
    await enforcer.settled();
  }
  const { enforcing, lastError } = enforcer.health();
  if (!dryRun && lastError !== undefined) notes.push(`the kernel is not free yet: ${lastError}`);
  if (parts.network.peers().length > 0) notes.push('this is for this router alone; the others go on');
  const until = what.kind === 'suspended' ? Math.ceil((what.until - what.at) / 1000) : undefined;
  const would: Halted = { kind: what.kind, by: what.by, at: what.at, secondsLeft: until };
  return { dryRun, changed, halted: dryRun ? would : halts.now(), enforcing, notes };
}
