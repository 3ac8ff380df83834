import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { isOwnHost, isSameOrigin, readHost } from '../../control/http/hosts.ts';
import type { Connection } from '../../control/listeners.ts';
import type { BrokerLimits } from './limits.ts';
import type { Rights } from './rights.ts';

/** Names of MQTT among the subprotocols of WebSocket (MQTT 3.1.1, 6), and of its version 3.1 (Paho, SPIN's page). */
const SUBPROTOCOLS = ['mqtt', 'mqttv3.1'];
const PATH = '/mqtt';

/** Takes over a stream of MQTT. */
export type Accept = (stream: Duplex, rights: Rights, connection: Connection) => void;

interface Came {
  readonly rights: Rights;
  readonly connection: Connection;
  readonly secure: boolean;
}

/** MQTT over WebSocket (RFC 6455), on a listener of its own. The HTTP server has a way of its own. */
export class WebSockets {
  readonly #server: WebSocketServer;
  readonly #http: Server;
  readonly #accept: Accept;
  readonly #names: readonly string[];
  readonly #came = new WeakMap<Duplex, Came>();
  /** How many were turned away: another path, another origin, no MQTT. */
  refused = 0;

  /** @param names of this router, without a domain, besides its addresses: what a page's Host may be */
  constructor(accept: Accept, names: readonly string[], limits: BrokerLimits) {
    this.#accept = accept;
    this.#names = names;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      // One frame may hold several packets; each is bounded where packets are told apart.
      maxPayload: 2 * limits.publishBytes,
      handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
    });
    this.#http = createServer({
      headersTimeout: limits.connectMs,
      requestTimeout: limits.connectMs,
      connectionsCheckingInterval: limits.connectMs,
      maxHeaderSize: 16 * 1024,
    });
    this.#http.on('request', (_request, response) => {
      response.writeHead(426, { connection: 'close', 'content-type': 'text/plain' });
      response.end('This is MQTT over WebSocket, at /mqtt.\n');
    });
    this.#http.on('upgrade', (request, socket, head) => this.#upgraded(request, socket, head));
    this.#http.on('clientError', (_error, socket) => socket.destroy());
  }

  /** A socket of a listener for nothing but this; HTTP has still to be spoken on it. */
  accept(socket: Socket, rights: Rights, connection: Connection, secure: boolean): void {
    this.#came.set(socket, { rights, connection, secure });
    socket.setTimeout(0);
    connection.state = 'login';
    this.#http.emit('connection', socket);
  }

  /** Sockets that have not come as far as MQTT are closed by their listener. */
  close(): void {
    this.#http.close();
    this.#server.close();
  }

  #upgraded(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const came = this.#came.get(socket);
    const { host, origin } = request.headers;
    const asked = readHost(host);
    if (came === undefined || request.url?.split('?')[0] !== PATH) this.#refuse(socket, '404 Not Found');
    // Programs send no Origin; a page sends its own, and must not be one that a stranger has served (RFC 6455, 10.2).
    else if (
      origin !== undefined &&
      (asked === undefined ||
        !isOwnHost(asked, request.socket.localAddress, this.#names) ||
        !this.#fromHere(origin, host, came.secure))
    )
      this.#refuse(socket, '403 Forbidden');
    else if (!offersMqtt(request)) this.#refuse(socket, '400 Bad Request');
    else
      this.#server.handleUpgrade(request, socket, head, (webSocket) => {
        this.#accept(createWebSocketStream(webSocket), came.rights, came.connection);
      });
  }

  /** A page of this router: from this port, or from that of its HTTP server, as SPIN's page is. */
  #fromHere(origin: string, host: string | undefined, secure: boolean): boolean {
    if (isSameOrigin(origin, host, secure)) return true;
    const from = URL.parse(origin);
    const page = from === null ? undefined : readHost(from.host);
    return page !== undefined && page.name === readHost(host)?.name;
  }

  #refuse(socket: Duplex, status: string): void {
    this.refused += 1;
    socket.on('error', () => socket.destroy());
    socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  }
}

function offersMqtt(request: IncomingMessage): boolean {
  const offered = request.headers['sec-websocket-protocol'] ?? '';
  return offered.split(',').some((name) => SUBPROTOCOLS.includes(name.trim()));
}
