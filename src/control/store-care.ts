import { messageOf, TemporaryError } from '../errors.ts';

/** How far a task is. */
export interface CareProgress {
  readonly done: number;
  /** How much there is in all; undefined while that is not known. */
  readonly of: number | undefined;
}

/** What came out. */
export interface CareReport {
  readonly ok: boolean;
  /** How many of what were looked at. */
  readonly counts: { readonly [what: string]: number };
  /** What is wrong, in words; a bounded list. */
  readonly wrong: readonly string[];
  /** What was mended, in words; a bounded list. */
  readonly mended: readonly string[];
}

export type CareTask = 'check' | 'repair';

/** How it stands with a task. */
export interface CareView {
  readonly task: CareTask;
  readonly running: boolean;
  readonly progress: CareProgress;
  /** Once it has ended well or badly. */
  readonly report: CareReport | undefined;
  /** Why it could not be brought to an end. */
  readonly failed: string | undefined;
}

/** Runs a task in slices, so that the agent goes on with its work meanwhile. */
export type CareRun = (task: CareTask, signal: AbortSignal) => AsyncGenerator<CareProgress, CareReport>;

/** No store is so large; what takes longer hangs. Milliseconds. */
const DEADLINE_MS = 30 * 60_000;

/** Checks or mends the store while the agent runs, one task at a time; whoever asks is told how far it is. */
export class StoreCare {
  readonly #run: CareRun;
  readonly #life: AbortSignal;
  #view: CareView | undefined;

  /** @param life ends with the store */
  constructor(run: CareRun, life: AbortSignal) {
    this.#run = run;
    this.#life = life;
  }

  /** The newest task; undefined before the first. */
  get view(): CareView | undefined {
    return this.#view;
  }

  /** Begins a task, or joins one that runs. TemporaryError while another one runs. */
  begin(task: CareTask): CareView {
    const running = this.#view?.running === true ? this.#view : undefined;
    if (running !== undefined && running.task !== task)
      throw new TemporaryError(`a ${running.task} of the store is running`, {
        hint: 'wait until it has ended',
      });
    if (running !== undefined) return running;
    const begun: CareView = {
      task,
      running: true,
      progress: { done: 0, of: undefined },
      report: undefined,
      failed: undefined,
    };
    this.#view = begun;
    void this.#toTheEnd(begun);
    return begun;
  }

  async #toTheEnd(begun: CareView): Promise<void> {
    const signal = AbortSignal.any([this.#life, AbortSignal.timeout(DEADLINE_MS)]);
    try {
      const steps = this.#run(begun.task, signal);
      let step = await steps.next();
      for (; step.done !== true; step = await steps.next()) this.#view = { ...begun, progress: step.value };
      this.#view = { ...begun, progress: this.#progress, running: false, report: step.value };
    } catch (error) {
      this.#view = { ...begun, progress: this.#progress, running: false, failed: messageOf(error) };
    }
  }

  get #progress(): CareProgress {
    return this.#view?.progress ?? { done: 0, of: undefined };
  }
}
