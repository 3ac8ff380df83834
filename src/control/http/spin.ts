import type { FastifyInstance } from 'fastify';
import type { Callers } from './callers.ts';
import { Refusal } from './refusals.ts';

/** Answers a request of SPIN's protocol, a JSON text, with another. `by`: who is said to have made a change. */
export type AnswerSpin = (text: string, by: string) => Promise<string>;

/**
 * `POST /spin_api/jsonrpc`: SPIN's own clients, unmodified. They are answered with 200 whatever comes of it, and say
 * whatever type of content they like. Who may ask is who may publish a request at the broker.
 */
export function offerSpin(app: FastifyInstance, callers: Callers, answer: AnswerSpin): void {
  app.register(async (inside) => {
    inside.removeAllContentTypeParsers();
    inside.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
    for (const path of ['/spin_api/jsonrpc', '/spin_api/jsonrpc/']) {
      inside.post(path, async (request, reply) => {
        const { by, rights } = callers.of(request);
        if (rights === 'none' || rights === 'read') {
          throw new Refusal(
            401,
            'this needs a login',
            'log in on the page, or allow it: mqtt.anonymous, write',
          );
        }
        const text = typeof request.body === 'string' ? request.body : '';
        return reply.type('application/json').send(await answer(text, by));
      });
    }
  });
}
