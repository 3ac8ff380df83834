import type { Clock, Timer } from '../clock.ts';
import type { Service } from '../service.ts';
import type { BrokerOptions, EmbeddedBroker } from './embedded/broker.ts';
import type { BrokerCounts } from './embedded/counts.ts';
import { BROKER_LIMITS } from './embedded/limits.ts';
import { EmbeddedLink } from './embedded/link.ts';
import type { WebSockets } from './embedded/websocket.ts';

/** So long after its last client has gone, the agent goes on telling: clients come again. */
const LINGER_MS = 60_000;

export interface EmbeddedOptions extends BrokerOptions {
  /** Names of this router, without a domain, that pages may be served under, besides its addresses. */
  readonly names: readonly string[];
}

/** The embedded broker, loaded when it is first asked for, which is when the first client has connected. */
export class Embedded implements Service {
  readonly name = 'broker';
  readonly link = new EmbeddedLink();
  readonly #options: EmbeddedOptions;
  readonly #clock: Clock;
  #opening: Promise<EmbeddedBroker> | undefined;
  #broker: EmbeddedBroker | undefined;
  #webSockets: WebSockets | undefined;
  #leaving: Timer | undefined;

  constructor(options: EmbeddedOptions) {
    this.#options = options;
    this.#clock = options.clock;
  }

  async start(): Promise<void> {}

  /** The broker, loaded at the first call. */
  broker(): Promise<EmbeddedBroker> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  /** Where sockets of a listener for MQTT over WebSocket go; loads that too. */
  async webSockets(): Promise<WebSockets> {
    const [broker, { WebSockets }] = await Promise.all([this.broker(), import('./embedded/websocket.ts')]);
    const limits = { ...BROKER_LIMITS, ...this.#options.limits };
    this.#webSockets ??= new WebSockets(
      (stream, rights, connection) => broker.accept(stream, rights, connection),
      this.#options.names,
      limits,
    );
    return this.#webSockets;
  }

  /** What it has counted; undefined while it is not loaded. */
  counts(): Readonly<BrokerCounts> | undefined {
    return this.#broker?.counts;
  }

  async stop(): Promise<void> {
    this.#leaving?.clear();
    this.link.disconnect();
    this.#webSockets?.close();
    await this.#broker?.stop();
  }

  async #open(): Promise<EmbeddedBroker> {
    const { EmbeddedBroker } = await import('./embedded/broker.ts');
    const broker = await EmbeddedBroker.open(this.#options, (count) => {
      this.#leaving?.clear();
      if (count > 0) this.link.connect(broker.inside);
      else this.#leaving = this.#clock.after(LINGER_MS, () => this.link.disconnect());
    });
    this.#broker = broker;
    return broker;
  }
}
