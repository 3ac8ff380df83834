import { type Clock, systemClock } from '../clock.ts';
import { UnavailableError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Service } from '../service.ts';
import { Caller, type ServerCounters } from './caller.ts';
import { Connections } from './connections.ts';
import { Doorway } from './doorway.ts';
import type { Listeners } from './listeners.ts';
import type { Method } from './offer.ts';
import { Rpc } from './rpc.ts';
import { Subscriptions } from './subscriptions.ts';
import { Turns } from './turns.ts';
import { clearWay } from './unix-socket.ts';

const MAX_CONNECTIONS = 256;

export interface ServerOptions {
  readonly path: string;
  /** Numeric id of the group that may talk to the agent besides its user. */
  readonly groupId?: number | undefined;
  readonly methods: ReadonlyMap<string, Method>;
  readonly log: Log;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  /** Where its connections are told of. Default: nowhere. */
  readonly listeners?: Listeners | undefined;
}

/** JSON-RPC 2.0 on a unix socket, one message a line, with subscriptions. One slow, idle or hostile client holds nobody up. */
export class ControlServer implements Service {
  readonly name = 'control';
  readonly counters: ServerCounters = { refusedRequests: 0, tooLong: 0, halfLines: 0, unread: 0 };
  readonly #path: string;
  readonly #doorway: Doorway;

  constructor({ path, groupId, methods, log, clock = systemClock, listeners }: ServerOptions) {
    this.#path = path;
    const rpc = new Rpc(methods, log, 'unknown');
    const subscriptions = new Subscriptions({ methods, clock, log });
    const turns = new Turns(clock);
    const shared = { rpc, methods, subscriptions, turns, counters: this.counters, clock, log };
    this.#doorway = new Doorway({
      name: this.name,
      addresses: [path],
      groupId,
      maxConnections: MAX_CONNECTIONS,
      listeners: listeners ?? new Connections(clock),
      clock,
      log,
      open: async () => (socket, connection) => void new Caller(socket, connection, shared),
    });
  }

  /** UnavailableError when an agent is there already, or the socket cannot be opened. */
  async start(signal: AbortSignal): Promise<void> {
    await clearWay(this.#path, signal);
    await this.#doorway.start(signal);
    const [problem] = this.#doorway.problems();
    if (problem === undefined) return;
    await this.#doorway.stop();
    throw new UnavailableError(`the control socket ${problem}`);
  }

  async stop(): Promise<void> {
    await this.#doorway.stop();
  }

  /** What is wrong now, in words. */
  problems(): readonly string[] {
    return this.#doorway.problems();
  }
}
