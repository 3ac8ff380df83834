import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod';
import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Attempts } from '../attempts.ts';
import { SET_A_PASSWORD } from '../needs-password.ts';
import type { PasswordFile } from '../password.ts';
import type { Arrivals } from './arrivals.ts';
import { type Callers, NOBODY } from './callers.ts';
import { clientOf } from './client-of.ts';
import { Refusal } from './refusals.ts';
import { SESSION_MS, type Sessions } from './sessions.ts';

export interface LoginOptions {
  readonly password: PasswordFile;
  readonly attempts: Attempts;
  readonly sessions: Sessions;
  readonly callers: Callers;
  readonly arrivals: Arrivals;
  readonly clock: Clock;
  readonly log: Log;
}

const wanted = z.strictObject({
  password: z.string(),
  name: z
    .string()
    .transform((text) => text.replaceAll(/\p{C}/gu, '').trim().slice(0, 64))
    .transform((text) => (text === '' ? NOBODY : text))
    .default(NOBODY),
});

/** `POST /api/login`, `POST /api/logout` and `GET /api/session`. */
export function offerLogin(app: FastifyInstance, options: LoginOptions): void {
  const { password, sessions, callers, arrivals } = options;

  app.post('/api/login', async (request, reply) => {
    if (!password.isSet()) throw new Refusal(409, 'there is no password yet', SET_A_PASSWORD);
    const given = wanted.safeParse(parsed(request.body));
    if (!given.success) throw new Refusal(400, 'a login is {"password": "…", "name": "…"}');
    await tryPassword(request, given.data.password, options);
    const old = callers.tokenOf(request);
    if (old !== undefined) sessions.end(old);
    const token = sessions.open(given.data.name);
    if (token === undefined) throw new Refusal(409, 'the password was changed just now', 'try again');
    cookie(request, reply, token);
    return { loginNeeded: false, by: given.data.name };
  });

  app.post('/api/logout', async (request, reply) => {
    const token = callers.tokenOf(request);
    if (token !== undefined) sessions.end(token);
    cookie(request, reply, undefined);
    return { loginNeeded: password.isSet() };
  });

  app.get('/api/session', async (request, reply) => {
    const { rights, by } = callers.of(request);
    const token = callers.tokenOf(request);
    if (rights !== 'full') return { loginNeeded: true };
    // The cookie lasts as long as the session, which has just begun anew.
    if (token !== undefined) cookie(request, reply, token);
    return { loginNeeded: false, by };
  });

  function cookie(request: FastifyRequest, reply: FastifyReply, token: string | undefined): void {
    reply.setCookie(callers.cookieName(request), token ?? '', {
      path: '/',
      httpOnly: true,
      sameSite: 'strict',
      secure: arrivals.of(request).at.secure,
      maxAge: token === undefined ? 0 : SESSION_MS / 1000,
    });
  }
}

/** Nothing when the password is right. Refusal when it is wrong, or was tried too often. */
export async function tryPassword(
  request: FastifyRequest,
  text: string,
  { password, attempts, arrivals, clock, log }: Omit<LoginOptions, 'sessions' | 'callers'>,
): Promise<void> {
  const client = clientOf(request);
  const turn = attempts.begin(client, arrivals.of(request).at.loopback);
  if (!turn.ok) {
    throw new Refusal(429, 'too many passwords were tried', `wait ${turn.retryAfterS} s`, turn.retryAfterS);
  }
  if (password.busy) throw new Refusal(503, 'too many passwords are being checked', 'try again', 1);
  if (await password.check(text)) {
    attempts.right(client);
    return;
  }
  log.warn({}, 'a wrong password was given to the web server');
  log.debug({ client }, 'who gave a wrong password');
  // Nobody waits for the answer of a request that was given up.
  await clock.sleep(turn.waitMs, request.signal).catch(() => undefined);
  throw new Refusal(401, 'the password is wrong');
}

function parsed(body: unknown): unknown {
  try {
    return typeof body === 'string' ? JSON.parse(body) : undefined;
  } catch {
    return undefined;
  }
}
