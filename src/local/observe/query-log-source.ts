import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Service } from '../../service.ts';
import { type Exec, Supervised } from '../exec.ts';
import type { AnswerFact, SourceHealth } from './facts.ts';
import { LineSplitter } from './lines.ts';
import { QueryLog } from './query-log.ts';

export interface QueryLogSourceOptions {
  exec: Exec;
  clock: Clock;
  log: Log;
  /** Where dnsmasq writes its log (log-facility), with log-queries=extra. */
  path: string;
  onFact: (fact: AnswerFact) => void;
}

/**
 * Follows dnsmasq's log from its present end, by `tail -F` (tail(1)): through rotation, truncation, and while it is not
 * there.
 */
export class QueryLogSource implements Service {
  readonly name = 'query log';
  readonly #supervised: Supervised;
  readonly #queries: QueryLog;
  readonly #lines: LineSplitter;
  #rotations = 0;
  #lastError: string | undefined;

  constructor({ exec, clock, log, path, onFact }: QueryLogSourceOptions) {
    this.#queries = new QueryLog(onFact);
    this.#lines = new LineSplitter((line) => this.#queries.line(line));
    this.#supervised = new Supervised({
      exec,
      clock,
      log,
      name: 'tail',
      argv: ['tail', '-n', '0', '-F', '--', path],
      onData: (chunk) => {
        this.#lastError = undefined;
        this.#lines.push(chunk);
        this.#queries.flush();
      },
      onErrorLine: (line) => this.#complaint(line),
      onStart: () => this.#lines.reset(),
    });
  }

  health(): SourceHealth {
    const { counters } = this.#queries;
    // Told only as long as nothing could be read at all: a single such line may be old.
    const plain = counters.plain > 0 && counters.answers === 0;
    return {
      name: this.name,
      running: this.#supervised.pid !== undefined && this.#lastError === undefined,
      restarts: this.#supervised.restarts,
      counters: { ...counters, rotations: this.#rotations, dropped: this.#lines.dropped },
      lastError:
        this.#lastError ??
        (plain ? 'the log does not number its questions: use log-queries=extra' : undefined),
    };
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#supervised.start(signal);
  }

  stop(): Promise<void> {
    return this.#supervised.stop();
  }

  /** tail tells on standard error what becomes of the file. */
  #complaint(line: string): void {
    if (line.trim() === '') return;
    if (/has appeared|has been replaced|following new file|truncated/.test(line)) {
      this.#rotations += 1;
      this.#lastError = undefined;
    } else this.#lastError = line;
  }
}
