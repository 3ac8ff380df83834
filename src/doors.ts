import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from './clock.ts';
import type { Config } from './config-schema.ts';
import { Doorway, type Entrance } from './control/doorway.ts';
import type { HttpDoor } from './control/http/door.ts';
import type { Listeners } from './control/listeners.ts';
import { needsPassword } from './control/needs-password.ts';
import type { Method } from './control/offer.ts';
import type { PasswordFile } from './control/password.ts';
import type { RecentSource } from './control/recent.ts';
import { programReplaced } from './control/replaced.ts';
import type { Log } from './log.ts';
import { Brokers } from './mqtt/brokers.ts';
import { Embedded } from './mqtt/embedded.ts';
import type { SpinDoor } from './mqtt/spin/door.ts';
import type { Service } from './service.ts';

export interface DoorsOptions {
  readonly config: Config;
  readonly password: PasswordFile;
  readonly methods: () => ReadonlyMap<string, Method>;
  readonly listeners: Listeners;
  readonly recent: RecentSource;
  /** The group that may use unix sockets besides the agent's user. */
  readonly groupId: number | undefined;
  /** The id of this member of the home. */
  readonly member: string;
  /** For programs that look whether all is well: a word, and whether it is. */
  readonly health: () => { readonly ok: boolean; readonly word: string };
  readonly clock: Clock;
  readonly log: Log;
}

/** The doors besides the control socket. What is behind a door is loaded when somebody first comes. */
export interface Doors {
  readonly services: readonly Service[];
  /** What is wrong, in words; empty when all is well. */
  problems(): readonly string[];
  /** What the doors count, by their names. */
  counters(): Record<string, Record<string, number>>;
}

const MAX_CONNECTIONS = { http: 256, mqtt: 512, spin: 64 };
const PAGE = join(import.meta.dirname, 'web');

/** Builds the doors that the configuration asks for. */
export function openDoors(options: DoorsOptions): Doors {
  const { config, password, clock, log } = options;
  const { mqtt, http } = config;
  const names = [config.agent.name, hostname()];
  const [services, doorways]: [Service[], Doorway[]] = [[], []];
  const replaced = programReplaced();
  let web: HttpDoor | undefined;

  const embedded = new Embedded({
    passwords: password,
    commands: [
      'hedgerow/+/request/#',
      'SPIN/jsonrpc/q',
      `${mqtt.discoveryPrefix}/status`,
      'homeassistant/status',
    ],
    names,
    clock,
    log,
  });
  const spin = config.mqtt.spin ? spinOf(options) : undefined;
  const brokers = mqtt.broker === 'off' ? undefined : new Brokers({ ...options, embedded, spin });

  const doorway = (
    name: keyof typeof MAX_CONNECTIONS,
    addresses: readonly string[],
    open: () => Promise<Entrance>,
    more: { tls?: Config['http']['tls']; needsPassword?: boolean } = {},
  ) => {
    if (addresses.length === 0) return;
    const one = new Doorway({
      ...options,
      name,
      addresses,
      maxConnections: MAX_CONNECTIONS[name],
      tls: more.tls,
      refuses: more.needsPassword === true ? needsPassword(password) : undefined,
      open,
    });
    doorways.push(one);
    services.push(one);
  };

  if (brokers !== undefined) services.push(embedded, brokers);
  if (mqtt.broker === 'embedded') {
    const needsPassword = mqtt.anonymous.network === 'none';
    const rightsAt = (loopback: boolean) => mqtt.anonymous[loopback ? 'loopback' : 'network'];
    const plain = async (): Promise<Entrance> => {
      const broker = await embedded.broker();
      return (socket, connection, { loopback }) => broker.accept(socket, rightsAt(loopback), connection);
    };
    const webSocket = async (): Promise<Entrance> => {
      const webSockets = await embedded.webSockets();
      return (socket, connection, { loopback, secure }) =>
        webSockets.accept(socket, rightsAt(loopback), connection, secure);
    };
    doorway('mqtt', mqtt.listen, plain, { tls: mqtt.tls, needsPassword });
    doorway('mqtt', mqtt.webSocket, webSocket, { tls: mqtt.tls, needsPassword });
  }
  const openWeb = async (): Promise<Entrance> => {
    const { openHttp } = await import('./control/http/door.ts');
    const methods = options.methods();
    web = await openHttp({
      ...options,
      methods,
      names,
      anonymous: mqtt.anonymous,
      metrics: async (devices) => `${await methods.get('metrics')?.run({ devices })}`,
      openMetrics: http.openMetrics,
      page: PAGE,
      mount: http.mount,
      spin: spin && (async (text, by) => (await spin()).rpc(text, by)),
      mqtt:
        mqtt.broker === 'off'
          ? undefined
          : (stream, { rights, connection }) =>
              void embedded.broker().then(
                (broker) => broker.accept(stream, rights, connection),
                () => stream.destroy(),
              ),
    });
    return web.entrance;
  };
  doorway('http', http.listen, openWeb, { tls: http.tls, needsPassword: true });
  if (spin !== undefined && mqtt.spinSocket !== undefined) {
    doorway('spin', [mqtt.spinSocket], async () => (await spin()).entrance);
  }
  services.push({ name: 'web', start: async () => undefined, stop: async () => await web?.close() });

  return {
    services,
    problems: () => [
      ...doorways.flatMap((one) => one.problems().map((problem) => `${one.name}: ${problem}`)),
      ...(brokers?.problems() ?? []),
      ...(replaced() ?? []),
    ],
    counters: () => ({
      ...(web && { http: { ...web.counters() } }),
      ...counted('broker', embedded.counts()),
      ...brokers?.counters(),
    }),
  };
}

/** SPIN's protocol, loaded at its first client. */
function spinOf(options: DoorsOptions): () => Promise<SpinDoor> {
  let opened: Promise<SpinDoor> | undefined;
  return () => {
    opened ??= import('./mqtt/spin/door.ts').then(({ openSpin }) =>
      openSpin({ ...options, methods: options.methods() }),
    );
    return opened;
  };
}

function counted(name: string, counts: object | undefined): Record<string, Record<string, number>> {
  return counts === undefined ? {} : { [name]: { ...counts } };
}
