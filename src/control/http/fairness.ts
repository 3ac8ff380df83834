import type { FastifyInstance } from 'fastify';
import type { Clock } from '../../clock.ts';
import { type Line, Turns } from '../turns.ts';
import { clientOf } from './client-of.ts';

/**
 * Requests that have come whole are answered in turns, by where they come from: whoever asks once is not behind all that another
 * machine asks, on however many connections.
 */
export function answerInTurns(app: FastifyInstance, clock: Clock): void {
  const turns = new Turns(clock);
  const lines = new Map<string, Line>();
  app.addHook('preHandler', (request, _reply, done) => {
    const client = clientOf(request);
    const line = lines.get(client) ?? turns.line();
    lines.set(client, line);
    line.add(() => {
      if (line.waiting === 0) lines.delete(client);
      done();
    });
  });
}
