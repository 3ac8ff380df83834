import type { Clock } from '../clock.ts';
import type { Config } from '../config-schema.ts';
import type { Method } from '../control/offer.ts';
import type { RecentSource } from '../control/recent.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Service } from '../service.ts';
import type { Bridge } from './bridge.ts';
import type { ClientLink } from './client-link.ts';
import type { Embedded } from './embedded.ts';
import { RouterName } from './router-name.ts';
import type { SpinDoor } from './spin/door.ts';

export interface BrokersOptions {
  readonly config: Config;
  readonly embedded: Embedded;
  /** Undefined where SPIN's protocol is not spoken. */
  readonly spin: (() => Promise<SpinDoor>) | undefined;
  readonly methods: () => ReadonlyMap<string, Method>;
  readonly recent: RecentSource;
  /** The id of this member of the home. */
  readonly member: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * What this router says on brokers: on an external one from the start, on its own as soon as that has a client. Nothing of it
 * is loaded before.
 */
export class Brokers implements Service {
  readonly name = 'brokers';
  readonly #options: BrokersOptions;
  readonly #stopper = new AbortController();
  #bridge: Bridge | undefined;
  #external: ClientLink | undefined;
  #opening: Promise<void> | undefined;
  #forget = (): void => undefined;
  #failure: string | undefined;

  constructor(options: BrokersOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    const running = AbortSignal.any([signal, this.#stopper.signal]);
    if (this.#options.config.mqtt.broker === 'external') this.#open(running);
    this.#forget = this.#options.embedded.link.onConnected(() => this.#open(running));
  }

  async stop(): Promise<void> {
    this.#forget();
    this.#stopper.abort();
    await this.#opening;
    await this.#bridge?.stop();
    await this.#external?.stop();
  }

  /** What is wrong, in words. */
  problems(): readonly string[] {
    const broker = this.#external?.problem();
    const failed = this.#bridge?.health().lastError;
    return [
      ...(broker === undefined ? [] : [`the MQTT broker ${this.#external?.name}: ${broker}`]),
      ...(failed === undefined ? [] : [`MQTT: ${failed}`]),
      ...(this.#failure === undefined ? [] : [`MQTT cannot be loaded: ${this.#failure}`]),
    ];
  }

  counters(): Record<string, Record<string, number>> {
    const bridge = this.#bridge?.health();
    const link = this.#external?.health();
    const sum = bridge?.links.reduce((dropped, one) => dropped + one.dropped, 0) ?? 0;
    return {
      ...(bridge && { mqttBridge: { failures: bridge.failures, dropped: sum } }),
      ...(link && { mqttLink: { dropped: link.dropped, waitingBytes: link.waiting } }),
    };
  }

  #open(signal: AbortSignal): void {
    this.#opening ??= this.#load(signal).catch((error: unknown) => {
      if (signal.aborted) return;
      this.#failure = messageOf(error);
      this.#options.log.error({ error: this.#failure }, 'MQTT cannot be loaded');
    });
  }

  async #load(signal: AbortSignal): Promise<void> {
    const { config, embedded, recent, clock, log, member } = this.#options;
    const name = new RouterName(config.agent.name, member);
    const links = [{ link: embedded.link, alone: true }];
    const publications = await this.#publications(name);
    const { Bridge } = await import('./bridge.ts');
    if (config.mqtt.broker === 'external') {
      const { ClientLink } = await import('./client-link.ts');
      const { url, ...more } = config.mqtt.external;
      const will = {
        get topic() {
          return `${name.base}/state`;
        },
        payload: 'offline',
      };
      const link = new ClientLink({
        ...more,
        url,
        clientId: `hedgerow-${member.slice(-16)}`,
        will,
        clock,
        log,
      });
      this.#external = link;
      signal.throwIfAborted();
      await link.start();
      this.#bridge = new Bridge({
        links: [{ link, alone: false }, ...links],
        publications,
        recent,
        name,
        clock,
        log,
      });
    } else this.#bridge = new Bridge({ links, publications, recent, name, clock, log });
    signal.throwIfAborted();
    await this.#bridge.start(signal);
  }

  async #publications(name: RouterName) {
    const { config, methods, clock, log, spin } = this.#options;
    const { mqtt } = config;
    const common = { methods, name, clock, log };
    const [{ HomeTopics }, { RouterTopics }, { Requests }] = await Promise.all([
      import('./topics/home.ts'),
      import('./topics/router.ts'),
      import('./topics/requests.ts'),
    ]);
    const publications = [new HomeTopics(common), new RouterTopics(common), new Requests(common)];
    const assistant = mqtt.homeAssistant ?? mqtt.broker === 'external';
    const [homes, spins] = [
      assistant
        ? await Promise.all([import('./home-assistant/home.ts'), import('./home-assistant/router.ts')])
        : undefined,
      spin && (await Promise.all([import('./spin/publication.ts'), spin()])),
    ];
    return [
      ...publications,
      ...(homes
        ? [
            new homes[0].HomeAssistant({ ...common, prefix: mqtt.discoveryPrefix }),
            new homes[1].HomeAssistantRouter(common),
          ]
        : []),
      ...(spins ? [new spins[0].SpinPublication({ methods: methods(), rpc: spins[1].rpc, clock })] : []),
    ];
  }
}
