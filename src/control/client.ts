import { connect, type Socket } from 'node:net';
import { JSONRPCClient, JSONRPCErrorCode, JSONRPCErrorException, type JSONRPCResponse } from 'json-rpc-2.0';
import { systemClock } from '../clock.ts';
import { HedgerowError, messageOf, UnavailableError } from '../errors.ts';
import { Followed } from './followed-views.ts';
import type { ErrorData } from './rpc.ts';

/** The code that json-rpc-2.0 gives requests which are rejected without an answer. */
const NO_ANSWER = 0;
const GONE = 'the agent went away';
const GONE_HINT =
  'it has just ended, or as many programs talk to it as may: try again in a moment; its log tells more';

/** One connection to an agent's control socket. */
export interface ControlClient {
  /** Calls a command or a view. Errors of the agent come back as HedgerowError with their hint and exit code. */
  call<T>(method: string, params?: Record<string, unknown>): Promise<T>;
  /**
   * Subscribes to a view (control/watchable.ts): what it says now, and again whenever it says something else; what nobody has
   * taken when there is something newer is left out. Ends when the signal aborts; fails when the agent does not know it
   * (UnknownCommandError), does not allow it (UsageError), or goes away (UnavailableError).
   */
  subscribe<T>(
    view: string,
    params: Record<string, unknown>,
    options: { readonly everyMs: number; readonly signal: AbortSignal },
  ): AsyncGenerator<T>;
  close(): void;
}

/** Connects. UnavailableError with what to do when no agent answers within `timeoutMs` (default 5 s). */
export async function openControl(path: string, timeoutMs = 5_000): Promise<ControlClient> {
  const socket = await open(path, timeoutMs);
  const rpc = new JSONRPCClient((request) => {
    if (socket.destroyed) throw new Error(GONE);
    socket.write(`${JSON.stringify(request)}\n`);
  });
  const followed = new Followed();
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') continue;
      const message: unknown = JSON.parse(line);
      if (!followed.take(message)) rpc.receive(message as JSONRPCResponse);
    }
  });
  const gone = () => {
    rpc.rejectAllPendingRequests(GONE);
    followed.end();
  };
  socket.on('error', gone);
  socket.on('close', gone);
  const call = async <T>(method: string, params: Record<string, unknown> = {}): Promise<T> => {
    try {
      return (await rpc.request(method, params)) as T;
    } catch (error) {
      throw translate(error);
    }
  };
  return {
    call,
    async *subscribe<T>(
      view: string,
      params: Record<string, unknown>,
      { everyMs, signal }: { readonly everyMs: number; readonly signal: AbortSignal },
    ): AsyncGenerator<T> {
      const { subscription } = await call<{ subscription: number }>('subscribe', { view, params, everyMs });
      try {
        for (;;) {
          const news = await followed.next(subscription, signal);
          if (news === undefined) return;
          if (news.error !== undefined) throw errorOf(news.error.message, news.error);
          yield news.result as T;
        }
      } finally {
        followed.forget(subscription);
        // Whoever ends it need not wait for the answer.
        if (!socket.destroyed) rpc.notify('unsubscribe', { subscription });
      }
    },
    close: () => socket.destroy(),
  };
}

/** So many come at once that the agent cannot take them up: it is tried again after this, milliseconds. */
const AGAIN_MS = 50;

async function open(path: string, timeoutMs: number): Promise<Socket> {
  const until = systemClock.monotonic() + timeoutMs;
  for (;;) {
    try {
      return await openOnce(path, timeoutMs);
    } catch (error) {
      const { cause } = error as Error;
      const isCrowded = cause instanceof Error && 'code' in cause && cause.code === 'EAGAIN';
      if (!isCrowded || systemClock.monotonic() > until) throw error;
      await systemClock.sleep(AGAIN_MS);
    }
  }
}

function openOnce(path: string, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    const failed = (cause: unknown): void => {
      const denied = cause instanceof Error && 'code' in cause && cause.code === 'EACCES';
      reject(
        new UnavailableError(`no agent answers on ${path}: ${messageOf(cause)}`, {
          cause,
          hint: denied
            ? 'use sudo, or become a member of the group in control.group'
            : 'start it with: hedgerow agent (or name its configuration with --config)',
        }),
      );
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      socket.off('error', failed);
      socket.setTimeout(0);
      resolve(socket);
    });
  });
}

function translate(error: unknown): Error {
  if (!(error instanceof JSONRPCErrorException)) return new UnavailableError(messageOf(error));
  // Not an answer: the connection ended before there was one.
  if (error.code === NO_ANSWER) return new UnavailableError(error.message, { hint: GONE_HINT });
  if (error.code === JSONRPCErrorCode.MethodNotFound) {
    return new HedgerowError('UnknownCommandError', 'the agent does not know this command', {
      hint: 'it is older: restart or update it',
      exitCode: 69,
    });
  }
  return errorOf(error.message, error.data as Partial<ErrorData> | undefined);
}

function errorOf(message: string, data: Partial<ErrorData> | undefined): HedgerowError {
  return new HedgerowError(data?.name ?? 'InternalError', message, {
    hint: data?.hint,
    exitCode: data?.exitCode ?? 70,
  });
}
