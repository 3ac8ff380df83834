import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type LoginOptions, tryPassword } from './login.ts';

export interface WatchOptions extends LoginOptions {
  /** Whether this router is well, and a word for it. Nothing else is told without a login. */
  readonly health: () => { readonly ok: boolean; readonly word: string };
  /** The metrics, in the text format of Prometheus; `devices`: also of each device. */
  readonly metrics: (devices: boolean) => Promise<string>;
  /** Whether they may be read without the password (`http.openMetrics`). */
  readonly openMetrics: boolean;
}

/** So long the metrics are good for who asks next, milliseconds. */
const SAME_MS = 1_000;

/** `GET /healthz` and `GET /metrics`, for programs that look whether all is well. */
export function offerWatch(app: FastifyInstance, options: WatchOptions): void {
  const { health, metrics, openMetrics, callers } = options;
  /** Whoever asks while they are being made, or right after, gets the same. */
  const making = new Map<boolean, Promise<string>>();

  app.get('/healthz', async (_request, reply) => {
    const { ok, word } = health();
    return reply
      .code(ok ? 200 : 503)
      .type('text/plain; charset=utf-8')
      .send(`${word}\n`);
  });

  app.get('/metrics', async (request, reply) => {
    const may = await mayRead(request);
    if (may === 'nothing') {
      return reply
        .code(401)
        .header('www-authenticate', 'Basic realm="hedgerow", charset="UTF-8"')
        .send({
          error: {
            name: 'Unauthorized',
            message: 'this needs a login, or the password by Basic authentication',
          },
        });
    }
    // What each device did is not for whoever comes without the password.
    const devices = may === 'all' && (request.query as { devices?: unknown }).devices === '1';
    const made =
      making.get(devices) ??
      metrics(devices).finally(() => void options.clock.after(SAME_MS, () => making.delete(devices)));
    making.set(devices, made);
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(await made);
  });

  async function mayRead(request: FastifyRequest): Promise<'all' | 'some' | 'nothing'> {
    if (callers.of(request).rights === 'full') return 'all';
    const password = basicPassword(request.headers.authorization);
    if (password === undefined) return openMetrics && callers.isOwn(request) ? 'some' : 'nothing';
    await tryPassword(request, password, options);
    return 'all';
  }
}

/** The password of an Authorization header (RFC 7617); undefined when it has none. Whatever the user is called. */
export function basicPassword(header: string | undefined): string | undefined {
  const match = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(header ?? '');
  if (match === null) return undefined;
  const text = Buffer.from(match[1] ?? '', 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : text.slice(colon + 1);
}
