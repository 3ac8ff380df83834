import fastifyCookie from '@fastify/cookie';
import fastifyRateLimit from '@fastify/rate-limit';
import fastifyWebsocket from '@fastify/websocket';
import {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
} from 'fastify';
import type { Clock } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { Attempts } from '../attempts.ts';
import type { Entrance } from '../doorway.ts';
import type { Method } from '../offer.ts';
import type { PasswordFile } from '../password.ts';
import { offerApi } from './api.ts';
import { Arrivals } from './arrivals.ts';
import { type Anonymous, Callers } from './callers.ts';
import { clientOf } from './client-of.ts';
import { answerInTurns } from './fairness.ts';
import { guardEverything, markEverything } from './guard.ts';
import { securityHeaders } from './headers.ts';
import { HTTP_LIMITS, type HttpLimits } from './limits.ts';
import { type LoginOptions, offerLogin } from './login.ts';
import { type AcceptMqtt, offerMqtt, subprotocolOf } from './mqtt.ts';
import { offerPages } from './pages.ts';
import { Refusal, refuseRaw, toldOf } from './refusals.ts';
import { Sessions } from './sessions.ts';
import { type AnswerSpin, offerSpin } from './spin.ts';
import { offerWatch } from './watch.ts';

export interface HttpOptions {
  readonly methods: ReadonlyMap<string, Method>;
  readonly password: PasswordFile;
  /** The router's own names: what may stand in a Host header besides addresses. */
  readonly names: readonly string[];
  /** `mqtt.anonymous`. */
  readonly anonymous: Anonymous;
  readonly health: () => { readonly ok: boolean; readonly word: string };
  readonly metrics: (devices: boolean) => Promise<string>;
  /** `http.openMetrics`. */
  readonly openMetrics: boolean;
  /** The folder of the page; it may not be there. */
  readonly page?: string | undefined;
  /** `http.mount`. */
  readonly mount?: string | undefined;
  /** Undefined where `mqtt.spin` is off. */
  readonly spin?: AnswerSpin | undefined;
  /** Undefined where there is no embedded broker. */
  readonly mqtt?: AcceptMqtt | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<HttpLimits> | undefined;
}

/** What the web server turned away since it was opened, and what it holds. */
export interface HttpCounters {
  /** Requests of clients that asked too often. */
  readonly limited: number;
  /** Passwords that were tried too often to be looked at. */
  readonly passwordsRefused: number;
  readonly sessions: number;
  readonly connections: number;
}

/** The web server. It listens nowhere itself. */
export interface HttpDoor {
  /** Takes a connection. */
  readonly entrance: Entrance;
  counters(): HttpCounters;
  /** Lets go of who waits, finishes what is being answered (2 s at most), and closes. */
  close(): Promise<void>;
}

const CLOSE_PATIENCE_MS = 2_000;
/** How often node:http looks for connections that are too slow. */
const LOOK_FOR_SLOW_MS = 1_000;
const MAX_COUNTED_CLIENTS = 2_000;

/** Makes the web server: HTTP/1.1 (RFC 9112) with JSON-RPC, files, metrics, SPIN's protocol and MQTT over WebSocket. */
export async function openHttp(options: HttpOptions): Promise<HttpDoor> {
  const { password, clock, log, methods, anonymous, names, spin, mqtt } = options;
  const limits = { ...HTTP_LIMITS, ...options.limits };
  const arrivals = new Arrivals();
  const attempts = new Attempts(clock);
  const sessions = new Sessions(clock, () => password.version());
  const callers = new Callers({ password, sessions, arrivals, anonymous, names });
  const login: LoginOptions = { password, attempts, sessions, callers, arrivals, clock, log };
  let limited = 0;

  const app = serverOf(limits, arrivals, log);
  await app.register(fastifyCookie);
  await app.register(fastifyWebsocket, {
    options: {
      maxPayload: limits.bodyBytes,
      perMessageDeflate: false,
      handleProtocols: subprotocolOf,
    },
    errorHandler: (error, socket) => {
      log.debug({ error: messageOf(error) }, 'a WebSocket broke');
      socket.terminate();
    },
  });
  markEverything(app, arrivals);
  await app.register(fastifyRateLimit, {
    global: false,
    cache: MAX_COUNTED_CLIENTS,
    addHeaders: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
    addHeadersOnExceeding: {
      'x-ratelimit-limit': false,
      'x-ratelimit-remaining': false,
      'x-ratelimit-reset': false,
    },
  });
  app.addHook(
    'onRequest',
    app.rateLimit({
      max: limits.requestsPerMinute,
      timeWindow: 60_000,
      keyGenerator: clientOf,
      onExceeded: () => {
        limited += 1;
      },
      errorResponseBuilder: (_request, { ttl }) =>
        new Refusal(429, 'too many requests', undefined, Math.max(1, Math.ceil(ttl / 1000))),
    }),
  );
  guardEverything(app, { password, arrivals, callers });
  answerInTurns(app, clock);
  readBodies(app);
  tellErrors(app, log);

  offerApi(app, { methods, callers, log, maxOpen: limits.openRequests });
  offerLogin(app, login);
  offerWatch(app, { ...login, ...options });
  if (spin !== undefined) offerSpin(app, callers, spin);
  if (mqtt !== undefined) {
    offerMqtt(app, { accept: mqtt, callers, arrivals, clock, lookEveryMs: limits.lookEveryMs });
  }
  offerPages(app, { page: options.page, mount: options.mount, callers });
  await app.ready();
  // The doorway listens. node:http begins to look for slow clients only when it hears of that.
  app.server.emit('listening');

  return {
    entrance: (socket, connection, at) => {
      connection.state = 'idle';
      arrivals.add(socket, { connection, at });
      app.server.emit('connection', socket);
    },
    counters: () => ({
      limited,
      passwordsRefused: attempts.refused,
      sessions: sessions.size,
      connections: arrivals.size,
    }),
    close: async () => {
      for (const socket of app.websocketServer.clients) socket.close(1001);
      arrivals.destroy('idle');
      const until = clock.monotonic() + CLOSE_PATIENCE_MS;
      while (arrivals.size > 0 && clock.monotonic() < until) {
        await clock.sleep(20);
        arrivals.destroy('idle');
      }
      arrivals.destroy('all');
      await app.close();
    },
  };
}

function serverOf(limits: HttpLimits, arrivals: Arrivals, log: Log): FastifyInstance {
  return fastify({
    logger: false,
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestMs,
    connectionTimeout: limits.silentMs,
    keepAliveTimeout: limits.keepAliveMs,
    handlerTimeout: limits.answerMs,
    maxRequestsPerSocket: limits.requestsPerConnection,
    forceCloseConnections: true,
    clientErrorHandler: (error, socket) => refuseRaw(error, socket),
    // A path that cannot be decoded comes past all hooks.
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      reply.headers(securityHeaders(arrivals.of(request).at.secure));
      const { status, body } = toldOf(error, log);
      reply.code(status).send(body);
    },
    http: {
      headersTimeout: limits.headersMs,
      connectionsCheckingInterval: LOOK_FOR_SLOW_MS,
      maxHeaderSize: limits.headerBytes,
      // What asks for HTTP/2 is answered in HTTP/1.1.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
    },
  });
}

/** JSON is read by whoever it is for, and nothing else is taken. */
function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) =>
    done(null, body),
  );
}

function tellErrors(app: FastifyInstance, log: Log): void {
  // What is asked for is compared with these and never read as a pattern, which `hasRoute` would do.
  const offered = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = offered.get(url) ?? new Set();
    for (const one of [method].flat()) methods.add(one);
    offered.set(url, methods);
  });
  app.setErrorHandler((error, _request, reply) => {
    const { status, body } = toldOf(error, log);
    if (error instanceof Refusal && error.retryAfterS !== undefined) {
      reply.header('retry-after', String(error.retryAfterS));
    }
    return reply.code(status).type('application/json; charset=utf-8').send(body);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.raw.url?.split(/[?#]/, 1)[0] ?? '';
    const allowed = ['GET', 'HEAD', 'POST'].filter((method) => offered.get(path)?.has(method));
    const isFile = request.method !== 'GET' && request.method !== 'HEAD';
    if (allowed.length === 0 && !isFile) throw new Refusal(404, 'there is nothing here');
    if (allowed.length === 0) allowed.push('GET', 'HEAD');
    reply.header('allow', allowed.join(', '));
    throw new Refusal(405, `this takes ${allowed.join(' and ')} only`);
  });
}
