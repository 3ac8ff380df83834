import type { FastifyInstance, FastifyRequest } from 'fastify';
import { SET_A_PASSWORD } from '../needs-password.ts';
import type { PasswordFile } from '../password.ts';
import type { Arrivals } from './arrivals.ts';
import type { Callers } from './callers.ts';
import { securityHeaders } from './headers.ts';
import { isSameOrigin } from './hosts.ts';
import { Refusal } from './refusals.ts';

export interface GuardOptions {
  readonly password: PasswordFile;
  readonly arrivals: Arrivals;
  readonly callers: Callers;
}

/** Every answer carries the headers, and every connection tells what it is for. */
export function markEverything(app: FastifyInstance, arrivals: Arrivals): void {
  app.addHook('onRequest', async (request, reply) => {
    const { connection, at } = arrivals.of(request);
    connection.state = 'receiving';
    connection.purpose = `${request.method} ${request.routeOptions.url ?? 'something else'}`;
    reply.headers(securityHeaders(at.secure));
  });
  app.addHook('preHandler', async (request) => {
    arrivals.of(request).connection.state = 'open';
  });
  app.addHook('onResponse', async (request) => {
    if (!request.ws) arrivals.of(request).connection.state = 'idle';
  });
}

/** What holds for every request, whatever it asks for. */
export function guardEverything(app: FastifyInstance, { password, arrivals, callers }: GuardOptions): void {
  app.addHook('onRequest', async (request) => {
    const { at } = arrivals.of(request);
    if (!password.isSet()) {
      if (!at.loopback) {
        throw new Refusal(403, 'nothing is served on the network without a password', SET_A_PASSWORD);
      }
      if (!callers.isOwn(request)) {
        throw new Refusal(421, 'this is not the name of this router', 'ask for localhost, or set a password');
      }
    }
    if (request.ws && request.routeOptions.url !== '/mqtt') {
      throw new Refusal(400, 'there is no WebSocket here', 'it is at /mqtt');
    }
    const changes = request.method !== 'GET' && request.method !== 'HEAD';
    if ((changes || request.ws) && !isFromHere(request, at.secure)) {
      throw new Refusal(403, 'another site may not ask for this (CSRF)');
    }
  });
}

/** Whether our own page asks, or a program that is no browser (OWASP, CSRF Prevention: origin and fetch metadata). */
function isFromHere({ headers }: FastifyRequest, secure: boolean): boolean {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  return origin === undefined || isSameOrigin(origin, host, secure);
}
