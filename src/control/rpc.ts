import { createJSONRPCErrorResponse, JSONRPCErrorCode, JSONRPCServer } from 'json-rpc-2.0';
import * as z from 'zod';
import { HedgerowError, messageOf, UsageError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Method } from './offer.ts';

/** What JSON-RPC errors carry besides their message. */
export interface ErrorData {
  readonly name: string;
  readonly hint?: string | undefined;
  readonly exitCode: number;
}

/** An error as a person or a program is told of it, through whichever door. */
export interface Failure extends ErrorData {
  readonly message: string;
}

/** JSON-RPC 2.0 over the commands and views, for every door that speaks it (https://www.jsonrpc.org/specification). */
export class Rpc {
  readonly #server = new JSONRPCServer({ errorListener: () => undefined });

  /** @param by who is said to have made a change when the request does not say: the name of the door. */
  constructor(methods: ReadonlyMap<string, Method>, log: Log, by: string) {
    for (const [name, method] of methods)
      this.#server.addMethod(name, (params) => method.run(signed(method, params, by)));
    this.#server.mapErrorToJSONRPCErrorResponse = (id, error: unknown) => toResponse(id, error, log);
  }

  /** Answers one request, a JSON text, with another; undefined when it wants no answer (a notification). Never rejects. */
  async receive(text: string): Promise<string | undefined> {
    let request: unknown;
    try {
      request = JSON.parse(text);
    } catch {
      return refusal(JSONRPCErrorCode.ParseError, 'this is not JSON');
    }
    return this.answer(request);
  }

  /** The same for what is parsed already. */
  async answer(request: unknown): Promise<string | undefined> {
    if (!isRequest(request)) {
      return refusal(JSONRPCErrorCode.InvalidRequest, 'this is not a JSON-RPC 2.0 request');
    }
    const response = await this.#server.receive(request);
    return response === null ? undefined : JSON.stringify(response);
  }
}

/**
 * Calls a command or a view by its name, for doors that do not speak JSON-RPC.
 * UsageError when there is none of that name; else what it throws, for which {@link failureOf} has the words.
 */
export async function call(
  methods: ReadonlyMap<string, Method>,
  name: string,
  params: unknown,
  by: string,
): Promise<unknown> {
  const method = methods.get(name);
  if (method === undefined) throw new UsageError(`there is no command ${JSON.stringify(name.slice(0, 64))}`);
  return method.run(signed(method, params, by));
}

/** Adds who it is to the parameters of a change that do not say. */
function signed(method: Method, params: unknown, by: string): unknown {
  if (!asksWho(method)) return params;
  if (params === undefined || params === null) return { by };
  if (typeof params !== 'object' || Array.isArray(params)) return params;
  return { by, ...params };
}

/** True for what is said to be made by somebody; a view may mean something else with `by`. */
function asksWho({ params }: Method): boolean {
  if (!(params instanceof z.ZodObject)) return false;
  const by: unknown = params.shape.by;
  return by instanceof z.ZodDefault && by.safeParse(undefined).data === 'unknown';
}

/** What is told of an error. A fault of ours is logged, and told without its inside. */
export function failureOf(error: unknown, log: Log): Failure {
  if (error instanceof HedgerowError) {
    const { name, hint, exitCode, message } = error;
    return { name, hint, exitCode, message };
  }
  if (error instanceof z.ZodError) {
    const problems = error.issues.map((issue) => `${issue.path.join('.') || 'params'}: ${issueWords(issue)}`);
    return { name: 'UsageError', exitCode: 64, message: problems.join('; ') };
  }
  log.error(
    { error: messageOf(error), stack: error instanceof Error ? error.stack : undefined },
    'a command failed',
  );
  return { name: 'InternalError', exitCode: 70, message: 'this is a fault in Hedgerow; its log says more' };
}

/** The checker's own words are for programmers where something is too long, too short, too much or too little. */
function issueWords(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'too_small' && issue.code !== 'too_big') return issue.message;
  const bound = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  if (issue.origin === 'string')
    return bound === 'at least 1' ? 'must not be empty' : `must have ${bound} characters`;
  return issue.origin === 'array' ? `must have ${bound} entries` : `must be ${bound}`;
}

/** A JSON-RPC error that answers no request in particular. */
export function refusal(code: number, message: string): string {
  return JSON.stringify(createJSONRPCErrorResponse(null, code, message));
}

function toResponse(id: string | number | null, error: unknown, log: Log) {
  const { message, ...data } = failureOf(error, log);
  const code =
    error instanceof HedgerowError
      ? -32_000
      : error instanceof z.ZodError
        ? JSONRPCErrorCode.InvalidParams
        : JSONRPCErrorCode.InternalError;
  return createJSONRPCErrorResponse(id, code, message, data);
}

function isRequest(value: unknown): value is { jsonrpc: '2.0'; method: string; id: string | number } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { jsonrpc, method, id } = value as Record<string, unknown>;
  const named = typeof id === 'string' || typeof id === 'number' || id === undefined;
  return jsonrpc === '2.0' && typeof method === 'string' && named;
}
