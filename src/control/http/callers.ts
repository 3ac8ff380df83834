import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { PasswordFile } from '../password.ts';
import type { Arrivals } from './arrivals.ts';
import { isOwnHost, readHost } from './hosts.ts';
import type { Sessions } from './sessions.ts';

/** What somebody may do. `full`: everything. `read`, `write` and `none` are `mqtt.anonymous`, for MQTT and SPIN's protocol only. */
export type Rights = 'none' | 'read' | 'write' | 'full';

/** What those may do who have not shown the password, by where they connected. */
export interface Anonymous {
  readonly loopback: Exclude<Rights, 'full'>;
  readonly network: Exclude<Rights, 'full'>;
}

/** Somebody who asks for something. */
export interface Caller {
  /** Who is said to have made a change. */
  readonly by: string;
  readonly rights: Rights;
  /** Whether that is so still: a session may end, a password may be set. */
  isStill(): boolean;
}

/** The name of a change that nobody put theirs to. */
export const NOBODY = 'web';

export interface CallersOptions {
  readonly password: PasswordFile;
  readonly sessions: Sessions;
  readonly arrivals: Arrivals;
  readonly anonymous: Anonymous;
  /** The router's own names. */
  readonly names: readonly string[];
}

/** Tells who asks: by their session, or by where they connected. */
export class Callers {
  readonly #options: CallersOptions;

  constructor(options: CallersOptions) {
    this.#options = options;
  }

  /** The token of the session that a request shows. */
  tokenOf(request: FastifyRequest): string | undefined {
    const token = request.cookies[this.cookieName(request)];
    return token !== undefined && token.length <= 64 ? token : undefined;
  }

  /** Over TLS the browser is asked to take it from nobody else (RFC 6265bis, `__Host-`). */
  cookieName(request: FastifyRequest): string {
    return this.#options.arrivals.of(request).at.secure ? '__Host-hedgerow' : 'hedgerow';
  }

  of(request: FastifyRequest): Caller {
    const { password, sessions, arrivals, anonymous } = this.#options;
    const token = this.tokenOf(request);
    const session = token === undefined ? undefined : sessions.use(token);
    if (token !== undefined && session !== undefined) {
      return { by: session.name, rights: 'full', isStill: () => sessions.use(token) !== undefined };
    }
    if (!this.isOwn(request)) return { by: NOBODY, rights: 'none', isStill: () => true };
    const { loopback } = arrivals.of(request).at;
    if (loopback && !password.isSet()) {
      return { by: NOBODY, rights: 'full', isStill: () => !password.isSet() };
    }
    return { by: NOBODY, rights: loopback ? anonymous.loopback : anonymous.network, isStill: () => true };
  }

  /** Whether a request means this router, and not a stranger's name that leads here (DNS rebinding). */
  isOwn(request: FastifyRequest): boolean {
    const host = readHost(request.headers.host);
    const socket: Socket = request.raw.socket;
    return host !== undefined && isOwnHost(host, socket.localAddress, this.#options.names);
  }
}
