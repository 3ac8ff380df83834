import { Readable } from 'node:stream';
import type { Message } from '../link.ts';
import { filterPattern } from '../topic-filter.ts';

/** A packet as far as this file looks at it. */
interface Packet {
  readonly messageId?: number;
}

interface Client {
  readonly id: string;
  /** It has gone; what it said before may still be looked at. */
  readonly closed?: boolean;
}

/**
 * What the broker keeps: the retained messages of the agent, and which QoS 2 messages a connected client has under way. No
 * sessions: every client begins clean (MQTT 3.1.1, 3.1.2.4: the answer says that there was none), so nothing of a client is
 * left when it goes. Written because the broker's own memory keeps something of every client that ever spoke to it.
 *
 * The methods below `retain` and `under` are the interface that aedes asks of its persistence (aedes-persistence, README).
 */
export class Kept {
  /** topic → payload */
  readonly #retained = new Map<string, Buffer>();
  readonly #underWay = new Map<string, Set<number>>();
  readonly #most: number;

  /** @param most topics that are kept at most */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#retained.size;
  }

  /** Clients with QoS 2 messages under way. */
  get clients(): number {
    return this.#underWay.size;
  }

  /** Keeps, replaces or clears. False when there is no room for another topic. */
  retain(topic: string, payload: Buffer): boolean {
    if (payload.length === 0) this.#retained.delete(topic);
    else if (!this.#retained.has(topic) && this.#retained.size >= this.#most) return false;
    else this.#retained.set(topic, payload);
    return true;
  }

  /** What is kept under a filter. */
  *under(filter: string): Generator<Message> {
    for (const { topic, payload } of this.#matching([filter]))
      yield { topic, payload: payload.toString(), retain: true };
  }

  async setup(): Promise<void> {}

  async destroy(): Promise<void> {
    this.#retained.clear();
    this.#underWay.clear();
  }

  /** Only the agent retains, with `retain`. */
  async storeRetained(): Promise<void> {}

  createRetainedStreamCombi(filters: readonly string[]): Readable {
    return Readable.from(this.#matching(filters));
  }

  createRetainedStream(filter: string): Readable {
    return this.createRetainedStreamCombi([filter]);
  }

  *#matching(
    filters: readonly string[],
  ): Generator<{ cmd: 'publish'; topic: string; payload: Buffer; qos: 0; retain: true }> {
    const pattern = filterPattern(filters);
    for (const [topic, payload] of this.#retained)
      if (pattern.test(topic)) yield { cmd: 'publish', topic, payload, qos: 0, retain: true };
  }

  async incomingStorePacket(client: Client, { messageId }: Packet): Promise<void> {
    // What is stored of one that has gone would never be cleaned up.
    if (messageId === undefined || client.closed === true) return;
    const ids = this.#underWay.get(client.id);
    if (ids === undefined) this.#underWay.set(client.id, new Set([messageId]));
    else ids.add(messageId);
  }

  /** Rejects for what is not under way, as aedes expects. */
  async incomingGetPacket<Given extends Packet>(client: Client, packet: Given): Promise<Given> {
    if (!this.#underWay.get(client.id)?.has(packet.messageId ?? 0)) throw new Error('no such packet');
    return packet;
  }

  async incomingDelPacket(client: Client, { messageId }: Packet): Promise<void> {
    const ids = this.#underWay.get(client.id);
    ids?.delete(messageId ?? 0);
    if (ids?.size === 0) this.#underWay.delete(client.id);
  }

  async cleanIncoming(client: Client): Promise<void> {
    this.#underWay.delete(client.id);
  }

  // Sessions, and wills of other brokers: there are none.
  async addSubscriptions(): Promise<void> {}
  async removeSubscriptions(): Promise<void> {}
  async cleanSubscriptions(): Promise<void> {}
  async subscriptionsByClient(): Promise<readonly never[]> {
    return [];
  }
  async subscriptionsByTopic(): Promise<readonly never[]> {
    return [];
  }
  async countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    return { subsCount: 0, clientsCount: 0 };
  }
  getClientList(): Readable {
    return Readable.from([]);
  }
  async outgoingEnqueue(): Promise<void> {}
  async outgoingEnqueueCombi(): Promise<void> {}
  async outgoingUpdate(): Promise<void> {}
  async outgoingClearMessageId(): Promise<undefined> {
    return undefined;
  }
  outgoingStream(): Readable {
    return Readable.from([]);
  }
  async putWill(): Promise<void> {}
  async getWill(): Promise<undefined> {
    return undefined;
  }
  async delWill(): Promise<undefined> {
    return undefined;
  }
  streamWill(): Readable {
    return Readable.from([]);
  }
}
