import type { Arrived, Message, MqttLink } from '../../src/mqtt/link.ts';
import { covers } from '../../src/mqtt/topic-filter.ts';

/** A broker in memory. Several links on one see each other's messages, as routers on one mosquitto do. */
export class FakeBroker {
  /** What is kept: topic → payload. */
  readonly retained = new Map<string, string>();
  readonly links = new Set<FakeLink>();

  /** A message that anybody publishes; answers how many subscriptions it reached. */
  publish(message: Message): number {
    if (message.retain === true) {
      if (message.payload === '') this.retained.delete(message.topic);
      else this.retained.set(message.topic, message.payload);
    }
    let reached = 0;
    for (const link of [...this.links])
      reached += link.deliver({ topic: message.topic, payload: message.payload, retain: false });
    return reached;
  }
}

/**
 * A link onto a {@link FakeBroker}, connected from the start unless told otherwise. Everything is delivered at once, so tests
 * need not wait: also its own messages, as MQTT does.
 */
export class FakeLink implements MqttLink {
  readonly name: string;
  readonly broker: FakeBroker;
  /** Every message that was handed over while connected, in order. */
  readonly published: Message[] = [];
  /** How many messages were dropped: not connected, or `full`. */
  dropped = 0;
  /** While true every publish is dropped, as when more than the cap waits. */
  full = false;
  connected: boolean;
  readonly #subscriptions = new Set<{
    readonly filter: string;
    readonly onMessage: (message: Arrived) => void;
  }>();
  readonly #onConnected = new Set<() => void>();
  readonly #will: Message | undefined;

  constructor(
    options: { broker?: FakeBroker; name?: string; connected?: boolean; will?: Message | undefined } = {},
  ) {
    this.broker = options.broker ?? new FakeBroker();
    this.name = options.name ?? 'fake';
    this.connected = options.connected ?? true;
    this.#will = options.will;
    this.broker.links.add(this);
  }

  get retained(): ReadonlyMap<string, string> {
    return this.broker.retained;
  }

  publish(message: Message): boolean {
    if (!this.connected || this.full) {
      this.dropped += 1;
      return false;
    }
    this.published.push(message);
    this.broker.publish(message);
    return true;
  }

  subscribe(filter: string, onMessage: (message: Arrived) => void): () => void {
    const subscription = { filter, onMessage };
    this.#subscriptions.add(subscription);
    if (this.connected) this.#tellRetained(filter, onMessage);
    return () => void this.#subscriptions.delete(subscription);
  }

  onConnected(run: () => void): () => void {
    const entry = () => run();
    this.#onConnected.add(entry);
    if (this.connected) run();
    return () => void this.#onConnected.delete(entry);
  }

  /** Which filters are subscribed to. */
  filters(): readonly string[] {
    return [...this.#subscriptions].map(({ filter }) => filter);
  }

  /** For tests: somebody else publishes. Answers how many subscriptions of this link it reached. */
  arrive(message: Message): number {
    const before = this.#count;
    this.broker.publish(message);
    return this.#count - before;
  }

  /** The connection breaks; with a will, the broker publishes it. What is subscribed stays, and is subscribed anew. */
  disconnect(): void {
    if (!this.connected) return;
    this.connected = false;
    if (this.#will !== undefined) this.broker.publish(this.#will);
  }

  /** Connects again: what is retained comes anew, then those who asked are told. */
  connect(): void {
    if (this.connected) return;
    this.connected = true;
    for (const { filter, onMessage } of [...this.#subscriptions]) this.#tellRetained(filter, onMessage);
    for (const run of [...this.#onConnected]) run();
  }

  #count = 0;

  /** Called by the broker. */
  deliver(message: Arrived): number {
    if (!this.connected) return 0;
    let reached = 0;
    for (const { filter, onMessage } of [...this.#subscriptions]) {
      if (!covers(filter, message.topic)) continue;
      reached += 1;
      onMessage(message);
    }
    this.#count += reached;
    return reached;
  }

  #tellRetained(filter: string, onMessage: (message: Arrived) => void): void {
    for (const [topic, payload] of [...this.broker.retained])
      if (covers(filter, topic)) onMessage({ topic, payload, retain: true });
  }
}
