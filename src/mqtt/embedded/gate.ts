import type { AedesOptions, AuthenticateError, Client } from 'aedes';
import type { Clock } from '../../clock.ts';
import type { BrokerCounts } from './counts.ts';
import type { BrokerLimits } from './limits.ts';
import { type Rules, rulesFor } from './rights.ts';
import type { Session } from './session.ts';

/** As far as the broker knows the password file. */
export interface Passwords {
  check(password: string): Promise<boolean>;
  /** Another text after every change; undefined while there is none. */
  version(): string | undefined;
}

/** Where a message goes that its sender had no right to. MQTT 3.1.1 cannot say no (3.3.5.2), and to hang up would cost it its subscriptions. */
const NOWHERE = '$denied';
/** A wrong password is answered after this long, which makes guessing slow. */
const WRONG_PASSWORD_MS = 1_000;

export interface GateOptions {
  readonly passwords: Passwords;
  /** Filters of the topics on which the agent listens to others. */
  readonly commands: readonly string[];
  readonly clock: Clock;
  readonly limits: BrokerLimits;
  readonly counts: BrokerCounts;
  readonly sessionOf: (client: Client) => Session | undefined;
  /** It takes too little of what is written to it. */
  readonly cutSlow: (client: Client) => void;
}

type Hooks = Required<
  Pick<
    AedesOptions,
    'preConnect' | 'authenticate' | 'authorizePublish' | 'authorizeSubscribe' | 'authorizeForward'
  >
>;

/** Who comes in, and what passes: the hooks of aedes, which ask the rights and the session of a client. */
export class Gate {
  readonly hooks: Hooks;
  readonly #options: GateOptions;
  readonly #rules: Rules;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#rules = rulesFor(options.commands);
    const { counts, limits, sessionOf, cutSlow } = options;
    this.hooks = {
      preConnect: (client, packet, done) => {
        const session = sessionOf(client);
        if (session === undefined) return done(new Error('unknown'), false);
        // Who comes without the password must not be able to take the place of who comes with it.
        const by = packet.password === undefined ? session.entrance : 'password';
        if (packet.clientId !== '') session.clientId = `${by}:${packet.clientId}`;
        // Aedes gives each an id of its own: nothing is kept for who comes again.
        packet.clientId = '';
        packet.clean = true;
        const most = limits.keepaliveSeconds;
        packet.keepalive = Math.min(packet.keepalive || most, most);
        session.connection.purpose = `client ${printable(session.clientId)}`.trim();
        done(null, true);
      },
      authenticate: (client, _user, password, done) => void this.#login(client, password, done),
      authorizePublish: (client, packet, done) => {
        const session = client === null ? undefined : sessionOf(client);
        packet.retain = false;
        if (session !== undefined && this.#rules.mayPublish(session.rights, packet.topic)) {
          counts.received += 1;
        } else {
          counts.deniedPublishes += 1;
          packet.topic = NOWHERE;
          packet.payload = '';
        }
        done(null);
      },
      authorizeSubscribe: (client, subscription, done) => {
        const session = sessionOf(client);
        const { topic } = subscription;
        const may =
          session !== undefined &&
          this.#rules.maySubscribe(session.rights, topic) &&
          session.subscribe(topic);
        if (!may) counts.deniedSubscriptions += 1;
        done(null, may ? subscription : null);
      },
      authorizeForward: (client, packet) => {
        const session = sessionOf(client);
        if (session === undefined || !this.#rules.mayReceive(session.rights, packet.topic)) return null;
        // One that has just gone is not written to: each such write would make an error of its own.
        if (client.conn.destroyed) return null;
        if (session.isStuck(client.conn)) {
          cutSlow(client);
          return null;
        }
        counts.sent += 1;
        return packet;
      },
    };
  }

  async #login(
    client: Client,
    given: Buffer | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ): Promise<void> {
    const { passwords, clock, counts, sessionOf } = this.#options;
    const session = sessionOf(client);
    if (session === undefined) return;
    const refuse = (returnCode: number, words: string) => {
      counts.refused += 1;
      done(Object.assign(new Error(words), { returnCode }), null);
    };
    if (given === undefined || given.length === 0 || session.entrance === 'full') {
      session.rights = session.entrance;
    } else {
      const version = passwords.version();
      if (version === undefined || !(await isRight(passwords, given))) {
        clock.after(WRONG_PASSWORD_MS, () => refuse(4, 'wrong password'));
        return;
      }
      session.rights = 'full';
      session.password = version;
    }
    if (session.rights === 'none') return refuse(5, 'not without the password');
    done(null, true);
  }
}

async function isRight(passwords: Passwords, given: Buffer): Promise<boolean> {
  try {
    return await passwords.check(given.toString());
  } catch {
    // It could not be checked, so it is not known to be right.
    return false;
  }
}

/** What a stranger calls itself, for a table: short, and nothing but what prints. */
function printable(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?').slice(0, 64);
}
