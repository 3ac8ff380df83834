import type { Duplex } from 'node:stream';
import { Aedes, type Client } from 'aedes';
import mqttPacket from 'mqtt-packet';
import type { Clock, Timer } from '../../clock.ts';
import { whoLeaves } from '../../control/crowd.ts';
import type { Connection } from '../../control/listeners.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Arrived, Message } from '../link.ts';
import { covers, MAX_LEVELS } from '../topic-filter.ts';
import { ClientStream } from './client-stream.ts';
import { type BrokerCounts, noCounts } from './counts.ts';
import { Gate, type Passwords } from './gate.ts';
import { Kept } from './kept.ts';
import { BROKER_LIMITS, type BrokerLimits } from './limits.ts';
import type { Inside } from './link.ts';
import type { Rights } from './rights.ts';
import { Session } from './session.ts';

export interface BrokerOptions {
  readonly passwords: Passwords;
  /** Filters of the topics on which the agent listens to others. */
  readonly commands: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<BrokerLimits>;
}

const TICK_MS = 1_000;

// Or the first packet that is written makes a table of all 65,536 numbers: 18 MB.
mqttPacket.writeToStream.cacheNumbers = false;

/**
 * The agent's own broker: aedes, with what it lacks before it (sizes, rates, slow clients, rights) and nothing kept of clients
 * behind it. Whoever keeps to no limit is cut off; nothing that one client does holds up another or the agent.
 */
export class EmbeddedBroker {
  readonly counts: BrokerCounts = noCounts();
  readonly inside: Inside;
  readonly #options: BrokerOptions;
  readonly #limits: BrokerLimits;
  readonly #kept: Kept;
  readonly #aedes: Aedes;
  readonly #sessions = new Map<ClientStream, Session>();
  /** Who is connected, by the name that they gave themselves. */
  readonly #named = new Map<string, ClientStream>();
  readonly #onClients: (count: number) => void;
  #timer: Timer | undefined;
  #stopped = false;

  private constructor(options: BrokerOptions, onClients: (count: number) => void) {
    this.#options = options;
    this.#onClients = onClients;
    this.#limits = { ...BROKER_LIMITS, ...options.limits };
    this.#kept = new Kept(this.#limits.retained);
    this.inside = {
      publish: (message) => this.#publish(message),
      subscribe: (filter, onMessage) => this.#subscribe(filter, onMessage),
    };
    const gate = new Gate({
      ...options,
      limits: this.#limits,
      counts: this.counts,
      sessionOf: (client) => this.#sessionOf(client),
      cutSlow: (client) => this.#cut(client.conn, 'slow'),
    });
    this.#aedes = new Aedes({
      persistence: this.#kept,
      // 0: no queue. With one, a hundred messages that wait for a slow client would hold up everybody's.
      concurrency: 0,
      connectTimeout: this.#limits.connectMs,
      drainTimeout: this.#limits.drainMs,
      maxInflightInbound: this.#limits.inflight,
      maxClientsIdLength: this.#limits.otherBytes,
      maxTopicLevels: MAX_LEVELS,
      ...gate.hooks,
    });
    this.#aedes.on('client', ({ conn }) => conn instanceof ClientStream && this.#entered(conn));
    this.#aedes.on('unsubscribe', (filters, client) => {
      const session = this.#sessionOf(client);
      for (const filter of filters) session?.unsubscribe(filter);
    });
    this.#aedes.on('clientError', (client, error) => this.#broke(client, error));
    this.#aedes.on('connectionError', (client, error) => this.#broke(client, error));
  }

  /** @param onClients told how many clients are connected, whenever that changes */
  static async open(options: BrokerOptions, onClients: (count: number) => void): Promise<EmbeddedBroker> {
    const broker = new EmbeddedBroker(options, onClients);
    broker.#aedes.addListener('error', (error: unknown) =>
      options.log.error({ error: messageOf(error) }, 'the embedded broker has failed at something'),
    );
    await broker.#aedes.listen();
    broker.#tick();
    return broker;
  }

  /** A stream on which a client will speak MQTT. @param rights of who comes this way without the password */
  accept(stream: Duplex, rights: Rights, connection: Connection): void {
    if (this.#stopped || !this.#hasRoom()) {
      this.counts.tooMany += 1;
      stream.on('error', () => stream.destroy());
      stream.destroy();
      return;
    }
    const session = new Session(connection, rights, this.#limits, this.#options.clock);
    const client = new ClientStream(
      stream,
      (chunk) => session.scanner.scan(chunk),
      (reason) => this.#count(reason),
    );
    this.#sessions.set(client, session);
    client.once('close', () => this.#left(client));
    this.#aedes.handle(client);
  }

  /** Whether somebody else finds a place, if need be that of somebody who has no subscription or does not read. */
  #hasRoom(): boolean {
    if (this.#sessions.size < this.#limits.clients) return true;
    const leaving = whoLeaves(this.#holders(), this.#options.clock.monotonic());
    if (leaving === undefined) return false;
    this.counts.gaveWay += 1;
    this.#left(leaving.client);
    leaving.client.destroy();
    return true;
  }

  *#holders() {
    for (const [client, { state, since }] of this.#sessions) yield { client, state, since };
  }

  /** Ends all connections. Idempotent. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.clear();
    for (const client of this.#sessions.keys()) client.destroy();
    await new Promise<void>((resolve) => this.#aedes.close(resolve));
    await this.#kept.destroy();
  }

  #publish({ topic, payload, retain }: Message): boolean {
    if (this.#stopped) return false;
    const bytes = Buffer.from(payload);
    // Kept here and not by aedes, which would tell a message that is retained after one that follows it.
    if (retain === true && !this.#kept.retain(topic, bytes)) return false;
    this.counts.retained = this.#kept.size;
    this.#aedes.publish(
      { cmd: 'publish', topic, payload: bytes, qos: 0, retain: false, dup: false },
      () => undefined,
    );
    return true;
  }

  #subscribe(filter: string, onMessage: (message: Arrived) => void): () => void {
    const tell = (message: Arrived) => {
      try {
        onMessage(message);
      } catch (error) {
        this.#options.log.error({ error: messageOf(error) }, 'a message could not be taken');
      }
    };
    const deliver = (packet: { topic: string; payload: string | Buffer }, done: () => void) => {
      if (covers(filter, packet.topic))
        tell({ topic: packet.topic, payload: packet.payload.toString(), retain: false });
      done();
    };
    this.#aedes.subscribe(filter, deliver, () => undefined);
    for (const message of [...this.#kept.under(filter)]) tell({ ...message, retain: true });
    return () => this.#aedes.unsubscribe(filter, deliver, () => undefined);
  }

  /** Once a second: who is too slow, and who came in with a password that is no longer in force. */
  #tick(): void {
    const { clock, passwords } = this.#options;
    const version = passwords.version();
    for (const [client, session] of this.#sessions) {
      if (session.isSlow(client)) this.#cut(client, 'slow');
      else if (session.password !== undefined && session.password !== version) client.destroy();
    }
    this.#timer = clock.after(TICK_MS, () => this.#tick());
  }

  #cut(client: Duplex, reason: string): void {
    if (client.destroyed) return;
    this.#count(reason);
    client.destroy();
  }

  #count(reason: string): void {
    if (reason === 'slow') this.counts.cutSlow += 1;
    else if (reason === 'too fast') this.counts.cutFast += 1;
    else this.counts.cutMalformed += 1;
  }

  #broke(client: Client, error: Error): void {
    if (error.message === 'drain timeout') this.counts.cutSlow += 1;
    this.#options.log.debug({ client: client.id, error: error.message }, 'a client of the broker has gone');
  }

  /**
   * Somebody has logged in. Whoever goes by the same name has to go (MQTT 3.1.1, 3.1.4-2): aedes, which would see to that too,
   * keeps and counts clients that have gone when several of one name come and go at once.
   */
  #entered(client: ClientStream): void {
    const session = this.#sessions.get(client);
    if (session === undefined) return;
    session.enter();
    this.#told(1);
    if (session.clientId === '') return;
    const before = this.#named.get(session.clientId);
    this.#named.set(session.clientId, client);
    before?.destroy();
  }

  #left(client: ClientStream): void {
    const session = this.#sessions.get(client);
    if (session === undefined) return;
    this.#sessions.delete(client);
    if (this.#named.get(session.clientId) === client) this.#named.delete(session.clientId);
    if (session.isIn) this.#told(-1);
  }

  #told(change: number): void {
    this.counts.clients += change;
    if (!this.#stopped) this.#onClients(this.counts.clients);
  }

  #sessionOf(client: Client): Session | undefined {
    return client.conn instanceof ClientStream ? this.#sessions.get(client.conn) : undefined;
  }
}
