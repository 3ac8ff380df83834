import { ZodError } from 'zod';
import { HedgerowError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Answer, Question, Refusal } from '../p2p/question-wire.ts';
import type { PeerKey } from '../policy/crypto.ts';
import { ASKABLE } from './askable.ts';
import type { Method } from './offer.ts';
import { toldBy } from './tellable.ts';

export interface AnswersOptions {
  /** What people see here, and how they call a router. */
  readonly people: () => {
    readonly methods: ReadonlyMap<string, Method>;
    readonly parts: { readonly directory: { routerName(peer: PeerKey): string } };
  };
  /** Whether other routers are told anything that this one has seen. */
  readonly allowed: boolean;
  readonly log: Log;
}

/**
 * Answers what other routers of the home ask, from the same views that people see here, and does the little that they may ask
 * for ({@link toldBy}). Never rejects.
 */
export function answersTo({
  people,
  allowed,
  log,
}: AnswersOptions): (question: Question, peer: PeerKey) => Promise<Answer> {
  return async ({ view, params }, peer) => {
    const { methods, parts } = people();
    const told = toldBy(view, parts.directory.routerName(peer));
    if (!allowed && told === undefined)
      return refused(
        'this router tells the others nothing',
        'ask on the router itself, or set p2p.answer there',
      );
    const method = ASKABLE.has(view) || told !== undefined ? methods.get(view) : undefined;
    if (method === undefined)
      return refused(
        `routers do not ask each other for "${view}"`,
        `they do for ${[...ASKABLE.keys()].join(', ')}`,
      );
    try {
      return {
        kind: 'view',
        json: JSON.stringify(
          await method.run(told === undefined ? JSON.parse(params) : told(JSON.parse(params))),
        ),
      };
    } catch (error) {
      return { kind: 'refused', why: refusalOf(error, log) };
    }
  };
}

function refusalOf(error: unknown, log: Log): Refusal {
  if (error instanceof HedgerowError) {
    const { name, message, hint, exitCode } = error;
    return { name, message, hint, exitCode };
  }
  if (error instanceof ZodError || error instanceof SyntaxError) {
    const hint = 'the two routers may run different versions';
    return { name: 'UsageError', message: 'it does not understand the question', hint, exitCode: 64 };
  }
  log.error({ error: messageOf(error) }, 'a question could not be answered');
  return {
    name: 'InternalError',
    message: 'a fault in Hedgerow there; its log says more',
    hint: undefined,
    exitCode: 70,
  };
}

function refused(message: string, hint: string): Answer {
  return { kind: 'refused', why: { name: 'UsageError', message, hint, exitCode: 64 } };
}
