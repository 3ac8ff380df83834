import { rmSync } from 'node:fs';
import { type BootTime, type Clock, systemBootTime, type Timer } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { readFileIfThere, replaceFile } from '../../store/files.ts';
import { decodeHalt, encodeHalt, type Halt, leftOf, type Moment } from './halt.ts';

/** What a person has told this router, as of now. */
export interface Halted {
  readonly kind: Halt['kind'];
  readonly by: string;
  /** When it began, Unix milliseconds. */
  readonly at: number;
  /** Until it ends by itself; undefined when it does not. */
  readonly secondsLeft: number | undefined;
}

export interface HaltsOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: that of this machine. */
  readonly bootTime?: BootTime;
}

/** What the clocks of this machine show now. */
export function momentOf(clock: Pick<Clock, 'now'>, bootTime: BootTime = systemBootTime): Moment {
  return { wall: clock.now(), boot: bootTime() };
}

/** What a file says of a halt that still holds at this moment. Damaged and ended ones are none: then what is blocked is blocked. */
export function readHalt(path: string, now: Moment, log: Log): Halt | undefined {
  let text: string | undefined;
  try {
    text = readFileIfThere(path)?.toString('utf8');
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'whether enforcement was halted cannot be read; it is not');
  }
  if (text === undefined) return undefined;
  const decoded = decodeHalt(text);
  if ('wrong' in decoded) {
    log.warn({ error: decoded.wrong }, 'the file of a halt is damaged; enforcement is not halted');
    return undefined;
  }
  return leftOf(decoded.halt, now) === 0 ? undefined : decoded.halt;
}

/**
 * Whether a person has halted enforcement on this router (design page enforce.md, "What must hold"). It is kept in one small
 * file, which outlives the agent; a suspension is measured by the monotonic clock while the agent runs.
 */
export class Halts {
  readonly #options: HaltsOptions;
  #halt: Halt | undefined;
  /** On the monotonic clock. */
  #endsAt = 0;
  #timer: Timer | undefined;
  #onChange = (): void => undefined;

  constructor(options: HaltsOptions) {
    this.#options = options;
  }

  /** Reads what an earlier run was told. `onChange`: enforcement should look again. */
  open(onChange: () => void): void {
    const { path, log } = this.#options;
    this.#onChange = onChange;
    this.#hold(readHalt(path, this.#moment(), log));
  }

  /** What holds now. */
  now(): Halted | undefined {
    const halt = this.#halt;
    if (halt === undefined) return undefined;
    const left = halt.kind === 'cleared' ? undefined : this.#endsAt - this.#options.clock.monotonic();
    if (left !== undefined && left <= 0) return undefined;
    return {
      kind: halt.kind,
      by: halt.by,
      at: halt.at,
      secondsLeft: left === undefined ? undefined : Math.ceil(left / 1000),
    };
  }

  /** Halts, or halts otherwise than before. Answers why it could not be kept, if it could not: then it ends with the agent. */
  set(halt: Halt): string | undefined {
    const { path, log } = this.#options;
    let problem: string | undefined;
    const stamped = this.#stamped(halt);
    try {
      replaceFile(path, encodeHalt(stamped));
    } catch (error) {
      problem = messageOf(error);
      log.warn({ error: problem }, 'a halt of enforcement could not be kept');
    }
    log.info({ kind: halt.kind, by: halt.by }, 'enforcement is halted on this router');
    this.#hold(stamped);
    this.#onChange();
    return problem;
  }

  /** Enforcement goes on. Answers why what is kept could not be removed, if it could not: then the halt may come back. */
  lift(by: string): string | undefined {
    this.#options.log.info({ by }, 'enforcement goes on');
    this.#hold(undefined);
    this.#onChange();
    return this.#remove();
  }

  /** No more timers: the agent stops. */
  stop(): void {
    this.#timer?.clear();
  }

  #hold(halt: Halt | undefined): void {
    const { clock } = this.#options;
    this.#timer?.clear();
    this.#halt = halt;
    const left = halt === undefined ? undefined : leftOf(halt, this.#moment());
    if (left === undefined) return;
    this.#endsAt = clock.monotonic() + left;
    this.#timer = clock.after(left, () => this.#ended());
  }

  #moment(): Moment {
    return momentOf(this.#options.clock, this.#options.bootTime);
  }

  /** With its end in the time of this boot, so that it is the same after a restart of the agent, whatever the clock does. */
  #stamped(halt: Halt): Halt {
    const { boot } = this.#moment();
    if (halt.kind === 'cleared' || boot === undefined) return halt;
    return { ...halt, ends: { boot: boot.boot, ms: boot.ms + Math.max(0, halt.until - halt.at) } };
  }

  #ended(): void {
    this.#halt = undefined;
    this.#remove();
    this.#options.log.info({}, 'the suspension has ended: enforcement goes on');
    this.#onChange();
  }

  #remove(): string | undefined {
    const { path, log } = this.#options;
    try {
      rmSync(path, { force: true });
      return undefined;
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'the file of a halt could not be removed');
      return messageOf(error);
    }
  }
}
