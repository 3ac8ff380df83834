import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import type { Rights } from '../../src/mqtt/embedded/rights.ts';
import { Embedded, type EmbeddedOptions } from '../../src/mqtt/embedded.ts';

export const PASSWORD = 'correct horse';

/** An embedded broker behind real sockets of 127.0.0.1: TCP and WebSocket, with what anonymous clients may given. */
export async function embeddedWorld(
  rights: Rights,
  options: Partial<EmbeddedOptions> & { onSocket?: (socket: Socket) => void } = {},
) {
  let version: string | undefined = 'first';
  const embedded = new Embedded({
    passwords: { check: async (given) => given === PASSWORD, version: () => version },
    commands: ['hedgerow/+/request/#', 'SPIN/jsonrpc/q', 'homeassistant/status'],
    names: ['attic'],
    clock: systemClock,
    log: silentLog,
    ...options,
  });
  const broker = await embedded.broker();
  const webSockets = await embedded.webSockets();
  const connections: { state: string; purpose: string }[] = [];
  const sockets = new Set<Socket>();
  const listen = async (webSocket: boolean) => {
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      options.onSocket?.(socket);
      const connection = { state: 'open', purpose: '' };
      connections.push(connection);
      if (webSocket) webSockets.accept(socket, rights, connection, false);
      else broker.accept(socket, rights, connection);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return { server, port: address.port };
  };
  const tcp = await listen(false);
  const web = await listen(true);
  const clients: MqttClient[] = [];
  return {
    embedded,
    broker,
    connections,
    port: tcp.port,
    webPort: web.port,
    setVersion: (next: string | undefined) => {
      version = next;
    },
    /** A client of mqtt.js that does not reconnect. */
    async client(given: IClientOptions = {}, url = `mqtt://127.0.0.1:${tcp.port}`): Promise<MqttClient> {
      const client = await connectAsync(url, { reconnectPeriod: 0, connectTimeout: 20_000, ...given });
      client.on('error', () => undefined);
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.end(true);
      await embedded.stop();
      for (const socket of sockets) socket.destroy();
      for (const { server } of [tcp, web]) server.close();
    },
  };
}

/** Everything that arrives at a client: `topic payload`, with `kept ` in front of what was retained. */
export function heard(client: MqttClient): string[] {
  const messages: string[] = [];
  client.on('message', (topic, payload, packet) =>
    messages.push(`${packet.retain ? 'kept ' : ''}${topic} ${payload.toString()}`),
  );
  return messages;
}
