import type { Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import type { Holder } from './crowd.ts';
import type { Connection } from './listeners.ts';

const FULL = 'there are too many connections, and on this one nothing has been under way for longest';

/** Somebody whom a doorway let in: the connection as its door tells of it, and since when it is as it is. */
export class Guest implements Connection, Holder {
  readonly socket: Socket;
  /** Where it comes from; undefined on a unix socket. */
  readonly remote: string | undefined;
  dismiss: ((why: string) => void) | undefined;
  since: number;
  readonly #told: Connection;
  readonly #clock: Clock;

  /** @param told what listeners show of it */
  constructor(socket: Socket, told: Connection, clock: Clock) {
    this.socket = socket;
    this.remote = socket.remoteAddress;
    this.#told = told;
    this.#clock = clock;
    this.since = clock.monotonic();
  }

  get state(): string {
    return this.#told.state;
  }

  set state(state: string) {
    if (state !== this.#told.state) this.since = this.#clock.monotonic();
    this.#told.state = state;
  }

  get purpose(): string {
    return this.#told.purpose;
  }

  set purpose(purpose: string) {
    this.#told.purpose = purpose;
  }

  /** Makes room for somebody else, and is told so where the door has words for it. */
  leave(): void {
    if (this.dismiss === undefined) this.socket.destroy();
    else this.dismiss(FULL);
  }
}
