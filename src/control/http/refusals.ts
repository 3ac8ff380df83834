import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { HedgerowError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { failureOf } from '../rpc.ts';
import { securityHeaders } from './headers.ts';

/** Why a request is not answered as asked: an HTTP status, and words for a person. */
export class Refusal extends HedgerowError {
  readonly status: number;
  /** After how many seconds it is worth another try. */
  readonly retryAfterS: number | undefined;

  constructor(status: number, message: string, hint?: string, retryAfterS?: number) {
    super('Refusal', message, { hint, exitCode: 69 });
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

/** An error as it is told: never its inside. */
export interface Told {
  readonly status: number;
  readonly body: {
    readonly error: { readonly name: string; readonly message: string; readonly hint?: string | undefined };
  };
}

/** What is told of whatever was thrown while a request was answered: by us, by the library, or by a fault. */
export function toldOf(error: unknown, log: Log): Told {
  if (error instanceof Refusal) return told(error.status, error.message, error.hint);
  const status = statusOf(error);
  if (status !== undefined && error instanceof Error) return told(status, error.message);
  const { name, message, hint, exitCode } = failureOf(error, log);
  const byCode = exitCode === 64 ? 400 : exitCode === 69 || exitCode === 75 ? 503 : 500;
  return { status: byCode, body: { error: { name, message, hint } } };
}

function told(status: number, message: string, hint?: string): Told {
  return { status, body: { error: { name: STATUS_CODES[status] ?? 'Error', message, hint } } };
}

/** The status of an error of the library, which has words for the client; those of 500 and above are faults, but for 503. */
function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  const status = Number(error.statusCode);
  return (status >= 400 && status < 500) || status === 503 ? status : undefined;
}

/** Answers what is not HTTP, too big or too slow, and hangs up (node:http, 'clientError'). */
export function refuseRaw(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy();
    return;
  }
  const [status, message] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? [408, 'the request took too long']
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? [431, 'the headers are too large']
        : [400, 'this is not HTTP'];
  const body = JSON.stringify(told(Number(status), String(message)).body);
  const headers = {
    ...securityHeaders(false),
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[Number(status)]}\r\n${lines.join('')}\r\n${body}`, () =>
    socket.destroy(),
  );
}
