import type { Arrived, Message, MqttLink } from '../link.ts';

/** What the link needs of the broker once that is there. */
export interface Inside {
  publish(message: Message): boolean;
  /** Also tells what is retained, as to any subscriber. */
  subscribe(filter: string, onMessage: (message: Arrived) => void): () => void;
}

/**
 * The agent's way onto its own broker: in the process, without TCP. It is connected while the broker has clients, so that
 * nobody gathers and tells anything when nobody listens.
 */
export class EmbeddedLink implements MqttLink {
  readonly name = 'embedded';
  #inside: Inside | undefined;
  #dropped = 0;
  readonly #subscriptions = new Set<{
    readonly filter: string;
    readonly onMessage: (message: Arrived) => void;
    undo: (() => void) | undefined;
  }>();
  readonly #onConnected = new Set<{ readonly run: () => void }>();

  get connected(): boolean {
    return this.#inside !== undefined;
  }

  /** How many messages were dropped: not connected, or no room. */
  get dropped(): number {
    return this.#dropped;
  }

  publish(message: Message): boolean {
    const taken = this.#inside?.publish(message) ?? false;
    if (!taken) this.#dropped += 1;
    return taken;
  }

  subscribe(filter: string, onMessage: (message: Arrived) => void): () => void {
    const entry = { filter, onMessage, undo: this.#inside?.subscribe(filter, onMessage) };
    this.#subscriptions.add(entry);
    return () => {
      this.#subscriptions.delete(entry);
      entry.undo?.();
      entry.undo = undefined;
    };
  }

  onConnected(run: () => void): () => void {
    const entry = { run };
    this.#onConnected.add(entry);
    if (this.connected) run();
    return () => void this.#onConnected.delete(entry);
  }

  /** The broker has a client. */
  connect(inside: Inside): void {
    if (this.#inside !== undefined) return;
    this.#inside = inside;
    for (const entry of [...this.#subscriptions])
      entry.undo = inside.subscribe(entry.filter, entry.onMessage);
    for (const { run } of [...this.#onConnected]) run();
  }

  /** The last client of the broker has been gone for a while, or it has ended. */
  disconnect(): void {
    this.#inside = undefined;
    for (const entry of this.#subscriptions) {
      entry.undo?.();
      entry.undo = undefined;
    }
  }
}
