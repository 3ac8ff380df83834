/** Changes over one kept control connection, as a door of the agent would make them, each timed. */
import { LabError } from '../lab/error.ts';
import type { House } from '../lab/house-api.ts';
import { type ControlClient, openControl } from '../src/control/client.ts';

/** One change: the whole call, and when each router's kernel had it as the answer tells; milliseconds. */
export interface Change {
  readonly command: number;
  readonly kernel: Readonly<Record<string, number>>;
  /** When the last router had it. */
  readonly everywhere: number;
}

interface Answer {
  readonly changed: boolean;
  readonly enforced: boolean;
  readonly routers: readonly { router: string; applied: boolean; ms: number }[];
}

const CALL_MS = 10_000;

export class Commander {
  readonly #client: ControlClient;
  readonly #routers: number;
  readonly #signal: AbortSignal;

  /** @throws LabError or the agent's error when nobody answers on that router */
  static async open(house: House, router: string, signal: AbortSignal): Promise<Commander> {
    const client = await openControl(house.controlSocket(router), CALL_MS);
    return new Commander(client, house.topology.routers.length, signal);
  }

  private constructor(client: ControlClient, routers: number, signal: AbortSignal) {
    this.#client = client;
    this.#routers = routers;
    this.#signal = signal;
  }

  async block(first: string, second: string): Promise<Change> {
    return await this.#change('block', first, second);
  }

  async unblock(first: string, second: string): Promise<Change> {
    return await this.#change('unblock', first, second);
  }

  /** Any other command or view. Closes the connection when it takes longer than 10 s. */
  async call<T>(method: string, params: Record<string, unknown> = {}): Promise<T> {
    this.#signal.throwIfAborted();
    const late = setTimeout(() => this.#client.close(), CALL_MS);
    try {
      return await this.#client.call<T>(method, params);
    } finally {
      clearTimeout(late);
    }
  }

  close(): void {
    this.#client.close();
  }

  async #change(method: 'block' | 'unblock', first: string, second: string): Promise<Change> {
    const begun = performance.now();
    const answer = await this.call<Answer>(method, { first, second, by: 'bench' });
    const command = performance.now() - begun;
    const kernel = Object.fromEntries(
      answer.routers.filter(({ applied }) => applied).map(({ router, ms }) => [router, ms]),
    );
    if (!answer.changed || !answer.enforced || Object.keys(kernel).length !== this.#routers) {
      throw new LabError(
        `${method} ${first} ${second}: not in every router's kernel: ${JSON.stringify(answer)}`,
      );
    }
    return { command, kernel, everywhere: Math.max(...Object.values(kernel)) };
  }
}
