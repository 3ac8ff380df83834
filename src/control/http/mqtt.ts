import type { Duplex } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { createWebSocketStream, type WebSocket } from 'ws';
import type { Clock, Timer } from '../../clock.ts';
import type { At } from '../doorway.ts';
import type { Connection } from '../listeners.ts';
import type { Arrivals } from './arrivals.ts';
import type { Callers, Rights } from './callers.ts';
import { Refusal } from './refusals.ts';

/** A client of the broker that came over a WebSocket. */
export interface WebClient {
  /** What it may do without naming the password. */
  readonly rights: Rights;
  readonly by: string;
  readonly at: At;
  readonly connection: Connection;
}

/** Takes a client to the broker: its bytes are MQTT. When it rejects, the client is hung up on. */
export type AcceptMqtt = (stream: Duplex, client: WebClient) => void | Promise<void>;

export interface MqttOptions {
  readonly accept: AcceptMqtt;
  readonly callers: Callers;
  readonly arrivals: Arrivals;
  readonly clock: Clock;
  readonly lookEveryMs: number;
}

/** MQTT 5, 6.0-3, and what version 3.1 of it is called (Paho, as SPIN's page has it). */
const SUBPROTOCOLS = ['mqtt', 'mqttv3.1'];

/** RFC 6455, 7.4.1. */
const CLOSE_UNSUPPORTED = 1003;
const CLOSE_POLICY = 1008;
const CLOSE_PATIENCE_MS = 1_000;

/** The subprotocol that is spoken with a client that offers these. */
export function subprotocolOf(offered: ReadonlySet<string>): string | false {
  return SUBPROTOCOLS.find((name) => offered.has(name)) ?? false;
}

/** `/mqtt`: MQTT over WebSocket (MQTT 5, 6), so that one port serves all. */
export function offerMqtt(app: FastifyInstance, options: MqttOptions): void {
  app.route({
    method: 'GET',
    url: '/mqtt',
    onRequest: async (request) => {
      if (!request.ws) throw new Refusal(426, 'this is a WebSocket, with the subprotocol mqtt');
      const offered = request.headers['sec-websocket-protocol']?.split(',').map((name) => name.trim());
      if (subprotocolOf(new Set(offered)) === false) {
        throw new Refusal(400, 'the subprotocol of this WebSocket is mqtt');
      }
    },
    handler: async () => undefined,
    // What it throws closes the socket (`errorHandler` of the plugin).
    wsHandler: (socket: WebSocket, request: FastifyRequest) => take(socket, request, options),
  });
}

async function take(socket: WebSocket, request: FastifyRequest, options: MqttOptions): Promise<void> {
  const { accept, callers, arrivals, clock, lookEveryMs } = options;
  const caller = callers.of(request);
  const { at, connection } = arrivals.of(request);
  connection.state = 'open';
  connection.purpose = 'mqtt';

  let timer: Timer | undefined;
  const look = (): void => {
    timer = clock.after(lookEveryMs, () => {
      if (caller.isStill()) look();
      else hangUp(socket, CLOSE_POLICY, 'the login has ended', clock);
    });
  };
  look();
  socket.once('close', () => timer?.clear());
  // MQTT is binary (MQTT 5, 6.0-1).
  socket.on('message', (_data, isBinary) => {
    if (!isBinary) hangUp(socket, CLOSE_UNSUPPORTED, 'MQTT is binary', clock);
  });
  const stream = createWebSocketStream(socket, { allowHalfOpen: false });
  // How a client broke off is of no interest: the stream closes either way.
  stream.on('error', () => stream.destroy());
  await accept(stream, { rights: caller.rights, by: caller.by, at, connection });
}

/** Says why, and does not wait for long that it is heard. */
function hangUp(socket: WebSocket, code: number, why: string, clock: Clock): void {
  socket.close(code, why);
  const timer = clock.after(CLOSE_PATIENCE_MS, () => socket.terminate());
  socket.once('close', () => timer.clear());
}
