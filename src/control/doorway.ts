import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Service } from '../service.ts';
import { whoLeaves } from './crowd.ts';
import { type Accepted, Gate, hostPort } from './gate.ts';
import { Guest } from './guest.ts';
import type { Connection, Listener, Listeners } from './listeners.ts';
import type { CertificateFiles } from './secured.ts';

/** Where a connection came in. */
export interface At {
  /** Where it was accepted: `host:port`, `[v6]:port` or a path. */
  readonly address: string;
  /** Both ends are on this machine. */
  readonly loopback: boolean;
  /** Over TLS. */
  readonly secure: boolean;
}

/**
 * Takes over a connection; what it has said meanwhile waits in the socket. Errors of the socket are looked after already:
 * they close it. What this throws closes it too.
 */
export type Entrance = (socket: Socket | TLSSocket, connection: Connection, at: At) => void;

export interface DoorwayOptions {
  readonly name: string;
  /** `host:port`, `[v6]:port`, or an absolute path for a unix socket. */
  readonly addresses: readonly string[];
  /** For TCP only. A certificate that is renewed is taken within a minute. */
  readonly tls?: CertificateFiles | undefined;
  /**
   * All addresses together. One remote address gets a quarter of them at most, unless it is this machine. Who comes when there
   * is no room gets the place of whom that costs nothing (crowd.ts).
   */
  readonly maxConnections: number;
  /** The group that may connect to a unix socket besides its user. */
  readonly groupId?: number | undefined;
  readonly listeners: Listeners;
  readonly clock: Clock;
  readonly log: Log;
  /** Why it may not listen there now, in words; undefined when it may. Asked again all the time, so it must be cheap. */
  readonly refuses?: ((address: string) => string | undefined) | undefined;
  /** Loads what is behind the door: called once, when somebody first comes; again only if it fails. */
  readonly open: () => Promise<Entrance>;
}

/** How long `start` waits for the addresses to open; they go on opening behind it, milliseconds. */
const START_MS = 2_000;

/**
 * Listens for a door and wakes it when somebody comes. It accepts without reading more than a socket's buffer, counts and
 * caps connections, and hands them over. An address that cannot be had never ends the agent: it is tried again.
 */
export class Doorway implements Service {
  readonly name: string;
  readonly #options: DoorwayOptions;
  readonly #gates: readonly Gate[];
  readonly #guests = new Set<Guest>();
  readonly #perAddress = new Map<string, number>();
  readonly #opened = new WeakMap<Gate, Listener>();
  #entrance: Promise<Entrance> | undefined;
  #failure: string | undefined;
  #stopped = false;

  constructor(options: DoorwayOptions) {
    this.#options = options;
    this.name = options.name;
    const { clock, tls, groupId, refuses } = options;
    this.#gates = options.addresses.map(
      (address) =>
        new Gate({
          address,
          tls,
          groupId,
          clock,
          refuses: () => refuses?.(address),
          admit: (gate, socket) => this.#admit(gate, socket),
          pass: (gate, accepted) => this.#pass(gate, accepted),
          onOpen: (gate) => this.#opened.set(gate, options.listeners.open(options.name, gate.address)),
          onClose: (gate) => this.#opened.get(gate)?.close(),
        }),
    );
  }

  /** Tries every address once; never rejects but for an abort. What is not open then is in {@link problems}. */
  async start(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const tries = Promise.all(this.#gates.map((gate) => gate.open(signal)));
    const waited = new AbortController();
    const late = clock.sleep(START_MS, AbortSignal.any([signal, waited.signal])).catch(() => undefined);
    await Promise.race([tries, late]);
    waited.abort();
    signal.throwIfAborted();
    for (const problem of this.problems()) log.warn({ door: this.name, problem }, 'a door is not open');
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const closing = this.#gates.map((gate) => gate.close());
    for (const { socket } of this.#guests) socket.destroy();
    await Promise.all(closing);
  }

  /** Where it really listens; a port 0 in the options is a number here. */
  addresses(): readonly string[] {
    return this.#gates.filter((gate) => gate.isOpen).map((gate) => gate.address);
  }

  /** What is wrong now, in words; empty when all is well. */
  problems(): readonly string[] {
    const gates = this.#gates.flatMap(({ problem }) => problem ?? []);
    return this.#failure === undefined ? gates : [...gates, this.#failure];
  }

  /** Counts a fresh connection and holds it to the caps; undefined when there is no room for it. */
  #admit(gate: Gate, socket: Socket): Connection | undefined {
    const listener = this.#opened.get(gate);
    const remote = socket.remoteAddress;
    // A client may have gone before it was looked at: it has no address then.
    const gone = !gate.isUnix && remote === undefined;
    if (this.#stopped || listener === undefined || gone || !this.#hasRoom(remote, listener)) {
      listener?.refused();
      return undefined;
    }
    const from = remote === undefined ? 'local' : hostPort(remote, socket.remotePort ?? 0);
    const guest = new Guest(socket, listener.follow(socket, from), this.#options.clock);
    this.#guests.add(guest);
    this.#count(guest, 1);
    socket.once('close', () => this.#forget(guest));
    return guest;
  }

  /** Whether somebody from there finds a place, if need be that of somebody who goes for it. */
  #hasRoom(remote: string | undefined, listener: Listener): boolean {
    const { maxConnections, clock } = this.#options;
    const isNear = remote === undefined || isLoopback(remote);
    const share = isNear ? maxConnections : Math.ceil(maxConnections / 4);
    const crowded = (this.#perAddress.get(remote ?? '') ?? 0) >= share;
    if (!crowded && this.#guests.size < maxConnections) return true;
    const rivals = crowded ? [...this.#guests].filter((guest) => guest.remote === remote) : this.#guests;
    const leaving = whoLeaves(rivals, clock.monotonic());
    if (leaving === undefined) return false;
    this.#forget(leaving);
    leaving.leave();
    listener.gaveWay();
    return true;
  }

  /** Its place is free. */
  #forget(guest: Guest): void {
    if (this.#guests.delete(guest)) this.#count(guest, -1);
  }

  #count({ remote = '' }: Guest, change: number): void {
    const now = (this.#perAddress.get(remote) ?? 0) + change;
    if (now === 0) this.#perAddress.delete(remote);
    else this.#perAddress.set(remote, now);
  }

  #pass(gate: Gate, { socket, connection }: Accepted): void {
    const loopback = gate.isUnix || (isLoopback(socket.remoteAddress) && isLoopback(socket.localAddress));
    const at = { address: gate.address, loopback, secure: gate.isSecure };
    connection.state = 'waiting';
    this.#load().then(
      (entrance) => {
        if (socket.destroyed) return;
        connection.state = 'open';
        try {
          entrance(socket, connection, at);
        } catch (error) {
          this.#options.log.error({ door: this.name, error: messageOf(error) }, 'a door failed');
          socket.destroy();
        }
      },
      () => socket.destroy(),
    );
  }

  #load(): Promise<Entrance> {
    this.#entrance ??= this.#options.open().then(
      (entrance) => {
        this.#failure = undefined;
        return entrance;
      },
      (error: unknown) => {
        this.#entrance = undefined;
        this.#failure = `the ${this.name} door cannot be loaded: ${messageOf(error)}`;
        this.#options.log.error({ door: this.name, error: messageOf(error) }, 'a door cannot be loaded');
        throw error;
      },
    );
    return this.#entrance;
  }
}

function isLoopback(address: string | undefined): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address ?? '');
}
