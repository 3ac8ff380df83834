import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Exec } from '../exec.ts';
import { CaptureSource } from './capture-source.ts';
import type { SourceHealth } from './facts.ts';
import type { Interfaces } from './interfaces.ts';
import type { Reading } from './seen.ts';

export interface CapturesOptions {
  exec: Exec;
  clock: Clock;
  log: Log;
  /** Names of TLS servers as well. */
  sni: boolean;
  onReading: (reading: Reading) => void;
}

/** One capture per LAN interface, begun and ended as they come and go. */
export class Captures {
  readonly #options: CapturesOptions;
  readonly #running = new Map<string, CaptureSource>();

  constructor(options: CapturesOptions) {
    this.#options = options;
  }

  health(): SourceHealth[] {
    return [...this.#running.values()].map((source) => source.health());
  }

  /** `signal`: of the life of the captures, not of this call. */
  async follow({ lan }: Interfaces, signal: AbortSignal): Promise<void> {
    const wanted = new Set(lan.map(({ name }) => name));
    for (const [name, capture] of this.#running) {
      if (wanted.has(name)) continue;
      this.#running.delete(name);
      await capture.stop();
    }
    for (const name of wanted) {
      if (this.#running.has(name)) continue;
      const capture = new CaptureSource({ ...this.#options, interface: name });
      this.#running.set(name, capture);
      await capture.start(signal);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map((capture) => capture.stop()));
    this.#running.clear();
  }
}
