import type { FastifyInstance } from 'fastify';
import type { Log } from '../../log.ts';
import type { Method } from '../offer.ts';
import { Rpc } from '../rpc.ts';
import type { Callers } from './callers.ts';
import { Refusal } from './refusals.ts';

export interface ApiOptions {
  readonly methods: ReadonlyMap<string, Method>;
  readonly callers: Callers;
  readonly log: Log;
  /** Requests that are being answered at a time. */
  readonly maxOpen: number;
}

/** Names that people gave at login have their own Rpc; beyond this many they are made anew. */
const MAX_NAMES = 100;

/** `POST /api/rpc`: every command and view. One request each; a batch is refused by {@link Rpc}. */
export function offerApi(app: FastifyInstance, { methods, callers, log, maxOpen }: ApiOptions): void {
  const rpcs = new Map<string, Rpc>();
  const rpcOf = (by: string): Rpc => {
    const rpc = rpcs.get(by) ?? new Rpc(methods, log, by);
    if (rpcs.size >= MAX_NAMES) rpcs.clear();
    rpcs.set(by, rpc);
    return rpc;
  };
  let open = 0;

  app.post('/api/rpc', async (request, reply) => {
    const { rights, by } = callers.of(request);
    if (rights !== 'full') throw needsLogin();
    if (open >= maxOpen) throw new Refusal(503, 'too many requests at a time', 'try again', 1);
    open += 1;
    try {
      const answer = await rpcOf(by).receive(typeof request.body === 'string' ? request.body : '');
      if (answer === undefined) return reply.code(204).send();
      return reply.type('application/json; charset=utf-8').send(answer);
    } finally {
      open -= 1;
    }
  });
}

/** Nobody is logged in. */
export function needsLogin(): Refusal {
  return new Refusal(401, 'this needs a login', 'POST /api/login with {"password": "…"}');
}
