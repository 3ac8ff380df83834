import { HedgerowError, TemporaryError, UsageError } from '../../errors.ts';
import { type Halt, LONGEST_SUSPENSION_S } from '../../local/enforce/halt.ts';
import type { Halted } from '../../local/enforce/halts.ts';
import { parseFor } from '../durations.ts';
import { FairBucket } from '../fair-bucket.ts';
import type { Parts } from '../parts.ts';
import { type ToldRouter, tellOthers } from './halt-home.ts';
import { UNCONFIRMED } from './wide.ts';

/** What halting enforcement on this router, or going on with it, came to. */
export interface HaltView {
  readonly dryRun: boolean;
  readonly changed: boolean;
  /** What holds now; with `dryRun` what would. */
  readonly halted: Halted | undefined;
  /** Whether this router's kernel blocks what is decided. */
  readonly enforcing: boolean;
  /** Why the kernel is not as it was told to be. */
  readonly problem: string | undefined;
  readonly notes: readonly string[];
  /** What came of it on the other routers, when it was for the whole home. */
  readonly others?: readonly ToldRouter[] | undefined;
}

interface Request {
  readonly by: string;
  readonly dryRun: boolean;
}

interface HomeRequest extends Request {
  /** Also on every other router of the home that can be reached. */
  readonly home: boolean;
}

/** Each empties the kernel or fills it, and writes a file. */
const LIMITS = { burst: 20, perHour: 60 };

/** `suspend`, `clear` and `enforce`, which whoever goes mad may not say as often as he likes. */
export class HaltCommands {
  readonly #parts: Parts;
  readonly #bucket: FairBucket;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#bucket = new FairBucket(parts.clock, LIMITS);
  }

  /** Nothing is blocked on this router for a while; it ends by itself. UsageError for more than a day. */
  async suspend(request: HomeRequest & { for: string }): Promise<HaltView> {
    const seconds = parseFor(request.for);
    if (seconds > LONGEST_SUSPENSION_S) {
      throw new UsageError('a suspension lasts for a day at most', {
        hint: 'hedgerow clear has no end: it lasts until hedgerow enforce',
      });
    }
    const at = this.#parts.clock.now();
    const { by } = request;
    const halt = this.#halt(request, { kind: 'suspended', by, at, until: at + seconds * 1000 });
    return await this.#alsoElsewhere(request, 'suspend', { for: request.for }, halt);
  }

  /** Everything of ours goes out of this router's kernel until {@link enforce}. It has to be confirmed. */
  async clear(request: Request & { confirm: boolean }): Promise<HaltView> {
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
    return await this.#halt(request, { kind: 'cleared', by: request.by, at: this.#parts.clock.now() });
  }

  /**
   * What was suspended or cleared is blocked again.
   * @param request.cleared also what was cleared; else only what was suspended
   */
  async enforce(request: HomeRequest & { cleared: boolean }): Promise<HaltView> {
    return await this.#alsoElsewhere(request, 'enforce', {}, this.#enforce(request));
  }

  async #enforce({ by, dryRun, cleared }: Request & { cleared: boolean }): Promise<HaltView> {
    const { halts, enforcer, backend } = this.#parts;
    const before = halts.now();
    if (before?.kind === 'cleared' && !cleared) {
      const problem = `it was cleared there by ${before.by}: hedgerow enforce on that router ends that`;
      return { dryRun, changed: false, halted: before, enforcing: false, problem, notes: [] };
    }
    const changed = before !== undefined;
    const notes: string[] = [];
    if (!dryRun && changed) {
      this.#pace(by);
      const problem = halts.lift(by);
      if (problem !== undefined) notes.push(`when the agent starts again it may halt again: ${problem}`);
      await enforcer.settled();
    }
    const { enforcing, lastError } = enforcer.health();
    const problem = enforcing || dryRun ? undefined : (lastError ?? backend.detail);
    if (problem !== undefined) notes.push(problem);
    const would = enforcing || (dryRun && changed);
    return { dryRun, changed, halted: undefined, enforcing: would, problem, notes };
  }

  async #halt({ by, dryRun }: Request, what: Halt): Promise<HaltView> {
    const { halts, enforcer } = this.#parts;
    const before = halts.now();
    // What has no end stays without: who suspends means to press the button, not to let it go in ten minutes.
    const changed = before?.kind !== 'cleared';
    const notes: string[] = [];
    if (!dryRun && changed) {
      this.#pace(by);
      const problem = halts.set(what);
      if (problem !== undefined)
        notes.push(`it ends when the agent does, because it cannot be kept: ${problem}`);
      await enforcer.settled();
    }
    const { enforcing, lastError } = enforcer.health();
    const problem =
      dryRun || lastError === undefined ? undefined : `the kernel is not free yet: ${lastError}`;
    if (problem !== undefined) notes.push(problem);
    const until = what.kind === 'suspended' ? Math.ceil((what.until - what.at) / 1000) : undefined;
    const would: Halted = { kind: what.kind, by: what.by, at: what.at, secondsLeft: until };
    const halted = dryRun && changed ? would : halts.now();
    return { dryRun, changed, halted, enforcing, problem, notes };
  }

  /** The others are told at the same time: this router's kernel may be slow. */
  async #alsoElsewhere(
    { home, by, dryRun }: HomeRequest,
    command: 'suspend' | 'enforce',
    params: Record<string, unknown>,
    here: Promise<HaltView>,
  ): Promise<HaltView> {
    if (home) {
      const [view, others] = await Promise.all([
        here,
        tellOthers(this.#parts, command, { ...params, by, dryRun }),
      ]);
      return { ...view, others };
    }
    const view = await here;
    const isAlone = this.#parts.directory.routers().length < 2;
    if (isAlone) return view;
    const notes = [...view.notes, 'this is for this router alone: --home is for all of them'];
    return { ...view, notes };
  }

  #pace(by: string): void {
    const seconds = this.#bucket.take(by);
    if (seconds === 0) return;
    throw new TemporaryError(
      `enforcement was halted and begun too often (${LIMITS.burst} times at once, ${LIMITS.perHour} an hour): again in ${seconds} s`,
      {
        hint: 'an automation has to do so less often; hedgerow clear --yes without an agent works at any time',
      },
    );
  }
}
