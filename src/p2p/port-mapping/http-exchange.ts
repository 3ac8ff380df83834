import { request } from 'node:http';
import { TemporaryError } from '../../errors.ts';

export interface HttpQuestion {
  readonly url: URL;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  /** The body as text; bytes that are no UTF-8 become U+FFFD. */
  readonly text: string;
}

/** A gateway's answers are small; a longer one is cut off with its connection, bytes. */
const MAX_BODY = 128 * 1024;

/** One question over plain HTTP on a connection of its own; no redirect is followed. Rejects with the reason; ends with the signal. */
export function exchange(question: HttpQuestion, signal: AbortSignal): Promise<HttpAnswer> {
  const { url, method, headers = {}, body = '' } = question;
  return new Promise((resolve, reject) => {
    const asked = request(
      url,
      { method, agent: false, signal, headers: { ...headers, 'content-length': Buffer.byteLength(body) } },
      (answer) => {
        const parts: Buffer[] = [];
        let length = 0;
        answer.on('data', (part: Buffer) => {
          parts.push(part);
          length += part.length;
          if (length > MAX_BODY) answer.destroy(new TemporaryError('its answer is too long'));
        });
        answer.on('error', reject);
        answer.on('end', () => {
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') });
        });
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}
