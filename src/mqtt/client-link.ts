import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { type Clock, repeat } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Service } from '../service.ts';
import { brokerProblem, disconnectProblem, isVersionRefused } from './broker-problem.ts';
import { type BrokerAccount, clientOptions } from './client-options.ts';
import type { Arrived, Message, MqttLink } from './link.ts';
import { type Outgoing, OutgoingQueue } from './outgoing.ts';
import { Subscriptions } from './subscriptions.ts';

const AGAIN_MS = 1_000;
const AGAIN_MOST_MS = 30_000;
/** A connection that ends sooner is counted as a failure: the next one waits longer. */
const SHORT_MS = 10_000;
const GOODBYE_MS = 2_000;
/** Unconfirmed messages under way; fewer where the broker says so. */
const WINDOW = 64;
const QUEUE = { bytes: 4 * 1024 * 1024, messages: 10_000 };
/** Where requests are answered: lost answers are missed by somebody. */
const ANSWER = /\/response\/|^SPIN\/jsonrpc\/a$/;

export interface ClientLinkOptions extends BrokerAccount {
  /** `mqtt://host:port` or `mqtts://host:port`. */
  readonly url: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Pause after a first failure, milliseconds; default 1 s. For tests. */
  readonly againMs?: number;
}

/** How a link is doing, for views. */
export interface LinkHealth {
  readonly connected: boolean;
  /** What is wrong, in words for a person. */
  readonly problem: string | undefined;
  /** Messages that were dropped: not connected, or too much waiting. */
  readonly dropped: number;
  /** Bytes that wait for the broker. */
  readonly waiting: number;
}

/**
 * The link onto a broker that is not ours, with MQTT 5, or 3.1.1 where the broker knows no other. Every attempt is a new
 * client of mqtt.js that keeps nothing of the one before; when to try again, what waits and what is subscribed is ours.
 */
export class ClientLink implements MqttLink, Service {
  readonly name: string;
  readonly #options: ClientLinkOptions;
  readonly #subscriptions = new Subscriptions((error) => this.#failed('a message could not be taken', error));
  readonly #queue = new OutgoingQueue(QUEUE, (message, confirmed) => this.#send(message, confirmed));
  readonly #onConnected = new Set<{ readonly run: () => void }>();
  readonly #ending = new AbortController();
  #running: Promise<void> | undefined;
  #client: MqttClient | undefined;
  #version: 4 | 5 = 5;
  #problem: string | undefined;
  /** The first topic on this connection that the broker's rules deny us. */
  #denied: string | undefined;
  #dropped = 0;

  constructor(options: ClientLinkOptions) {
    this.#options = options;
    this.name = options.url;
  }

  get connected(): boolean {
    return this.#client !== undefined;
  }

  /** What is wrong, in words for a person; undefined while all is well. */
  problem(): string | undefined {
    if (this.#client === undefined) return this.#problem;
    return this.#denied === undefined ? undefined : `the broker's rules deny us ${this.#denied}`;
  }

  health(): LinkHealth {
    const waiting = this.#queue.bytes + (this.#client?.stream.writableLength ?? 0);
    return { connected: this.connected, problem: this.problem(), dropped: this.#dropped, waiting };
  }

  /** Begins to connect; does not wait for it. */
  async start(): Promise<void> {
    const { clock, againMs = AGAIN_MS } = this.#options;
    this.#running ??= repeat((signal) => this.#attempt(signal), {
      clock,
      signal: this.#ending.signal,
      everyMs: againMs,
      maxMs: AGAIN_MOST_MS,
      jitter: 0.3,
      onFailure: (error, inARow) => {
        if (inARow === 1)
          this.#options.log.warn({ problem: this.#problem }, 'the MQTT broker cannot be used');
        else this.#options.log.debug({ error: messageOf(error) }, 'the MQTT broker cannot be used');
      },
    });
  }

  /** Says that we are gone, and goes. */
  async stop(): Promise<void> {
    const client = this.#client;
    if (client !== undefined && !this.#ending.signal.aborted) {
      this.#client = undefined;
      const { topic, payload } = this.#options.will;
      // One confirmed message on the same connection: all that went before has arrived, too.
      await within(
        GOODBYE_MS,
        this.#options.clock,
        client.publishAsync(topic, payload, { qos: 1, retain: true }),
      );
      client.end();
    }
    this.#ending.abort();
    await this.#running;
  }

  publish({ topic, payload, retain = false }: Message): boolean {
    const client = this.#client;
    if (client !== undefined && isTooLong(client, topic, payload)) {
      // The broker would hang up on us. True, because to say it again would not help.
      this.#deny(client, `publishing to ${topic}, which is too long for it`);
      this.#dropped += 1;
      return true;
    }
    const qos = retain || ANSWER.test(topic) ? 1 : 0;
    const out = client?.stream.writableLength;
    const taken = out !== undefined && this.#queue.push({ topic, payload, retain, qos }, out);
    if (!taken) this.#dropped += 1;
    return taken;
  }

  subscribe(filter: string, onMessage: (message: Arrived) => void): () => void {
    const remove = this.#subscriptions.add(filter, onMessage);
    if (this.#client !== undefined) this.#ask(this.#client, filter);
    return () => {
      if (remove()) this.#client?.unsubscribe(filter, () => undefined);
    };
  }

  onConnected(run: () => void): () => void {
    const entry = { run };
    this.#onConnected.add(entry);
    if (this.connected) run();
    return () => void this.#onConnected.delete(entry);
  }

  /** One connection, until it ends. Rejects when it could not be made, or soon ended. */
  async #attempt(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let client: MqttClient | undefined;
    let said: string | undefined;
    try {
      client = await this.#open();
      client.on('error', (error) => {
        said = brokerProblem(error);
      });
      client.on('disconnect', ({ reasonCode }) => {
        said = disconnectProblem(reasonCode);
      });
      const closed = closedOr(client, signal);
      const began = clock.monotonic();
      this.#begin(client);
      await closed;
      this.#problem = said ?? 'it hung up';
      if (clock.monotonic() - began < SHORT_MS) throw new Error(this.#problem);
    } finally {
      this.#client = undefined;
      this.#queue.reset(0);
      client?.end(true);
    }
  }

  #begin(client: MqttClient): void {
    client.on('message', (topic, payload, packet) => {
      const id = packet.properties?.subscriptionIdentifier;
      this.#subscriptions.deliver({ topic, payload: payload.toString(), retain: packet.retain }, id);
    });
    this.#denied = undefined;
    this.#queue.reset(Math.min(WINDOW, client.serverProperties?.receiveMaximum ?? WINDOW));
    this.#client = client;
    for (const filter of this.#subscriptions.filters()) this.#ask(client, filter);
    this.#options.log.info({ version: this.#version }, 'connected to the MQTT broker');
    for (const { run } of [...this.#onConnected]) run();
  }

  /** A client that the broker has let in. Rejects with what it was, which `problem()` tells in words. */
  async #open(): Promise<MqttClient> {
    const options = await this.#readOptions();
    const client = connect(this.#options.url, options);
    try {
      await new Promise<void>((resolve, reject) => {
        client.once('connect', () => resolve());
        client.once('error', reject);
        client.once('close', () => reject(new Error('it hung up')));
      });
      return client;
    } catch (error) {
      client.on('error', () => undefined);
      client.end(true);
      this.#problem = brokerProblem(error);
      // Older brokers say that they do not know it, or just hang up.
      const unknown = isVersionRefused(error) || this.#problem === 'it hung up';
      if (unknown) this.#version = this.#version === 5 ? 4 : 5;
      throw error;
    }
  }

  async #readOptions(): Promise<IClientOptions> {
    try {
      return await clientOptions(this.#options, this.#version);
    } catch (error) {
      this.#problem = messageOf(error);
      throw error;
    }
  }

  #ask(client: MqttClient, filter: string): void {
    const id = this.#subscriptions.idOf(filter);
    const able = this.#version === 5 && client.serverProperties?.subscriptionIdentifiersAvailable !== false;
    const properties = able && id !== undefined ? { properties: { subscriptionIdentifier: id } } : {};
    client.subscribe(filter, { qos: 1, ...properties }, (error, granted) => {
      const refused = granted?.some(({ qos }) => qos >= 128) === true;
      if (refused || (error !== null && client.connected)) this.#deny(client, `subscribing to ${filter}`);
    });
  }

  #send({ topic, payload, retain, qos }: Outgoing, confirmed: () => void): void {
    const client = this.#client;
    if (client === undefined) return;
    // Without a callback QoS 0 waits for nothing.
    if (qos === 0) client.publish(topic, payload, { qos, retain });
    else {
      client.publish(topic, payload, { qos, retain }, (error) => {
        if (error && client.connected) this.#deny(client, `publishing to ${topic}`);
        confirmed();
      });
    }
  }

  #deny(client: MqttClient, what: string): void {
    if (client !== this.#client || this.#denied !== undefined) return;
    this.#denied = what;
    this.#options.log.warn({}, 'the rules of the MQTT broker deny us a topic');
  }

  #failed(message: string, error: unknown): void {
    this.#options.log.error({ error: messageOf(error) }, message);
  }
}

/** Whether the broker has said that it takes no packet of this size (MQTT 5, 3.2.2.3.6). */
function isTooLong(client: MqttClient, topic: string, payload: string): boolean {
  const most = client.serverProperties?.maximumPacketSize;
  // 16: the headers around them.
  return most !== undefined && Buffer.byteLength(topic) + Buffer.byteLength(payload) + 16 > most;
}

/** Until the connection has ended; rejects when the signal aborts. */
function closedOr(client: MqttClient, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    client.once('close', () => {
      signal.removeEventListener('abort', aborted);
      resolve();
    });
    if (signal.aborted) aborted();
  });
}

/** Waits for it, but not longer; whether it went well is of no interest any more. */
async function within(ms: number, clock: Clock, work: Promise<unknown>): Promise<void> {
  const late = new AbortController();
  const done = work.then(
    () => undefined,
    () => undefined,
  );
  const timer = clock.sleep(ms, late.signal).catch(() => undefined);
  await Promise.race([done, timer]);
  late.abort();
}
