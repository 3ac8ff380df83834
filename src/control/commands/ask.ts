import { HedgerowError, messageOf, TemporaryError, UsageError } from '../../errors.ts';
import type { Answer, Refusal } from '../../p2p/question-wire.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import { ASKABLE } from '../askable.ts';
import { readForeignJson } from '../foreign-json.ts';
import { nearest } from '../nearest.ts';
import type { Method } from '../offer.ts';
import type { Parts } from '../parts.ts';
import { routerNamed } from '../router-named.ts';
import { JOINED_OF_EACH, type JoinedFlow, joinAnswers } from '../views/joined-answers.ts';
import { isThere } from '../views/peer-words.ts';

export interface AskRequest {
  readonly view: string;
  /** The parameters of the view. */
  readonly params: Record<string, unknown>;
}

/** What one of all routers said. */
export interface RouterAnswer {
  readonly router: string;
  readonly peer: PeerKey;
  /** Absent when there is none. */
  readonly answer?: unknown;
  /** Why there is none. */
  readonly missing?: Pick<Refusal, 'name' | 'message' | 'hint'>;
}

/** What all routers said; of flows also the sums over all of them, which nobody keeps. */
export interface AskAllView {
  readonly view: string;
  readonly routers: readonly RouterAnswer[];
  readonly joined?: readonly JoinedFlow[];
}

type Methods = ReadonlyMap<string, Method>;

/** One router's own view, computed there. UsageError for one that there is not, TemporaryError for one that is away. */
export function askOne(
  parts: Parts,
  methods: Methods,
  { router, ...request }: AskRequest & { readonly router: string },
): Promise<unknown> {
  return askPeer(
    parts,
    methods,
    routerNamed(parts.directory.routers(), router, ', and all'),
    check(methods, request),
  );
}

/** The view of every router, asked at the same time; who does not answer is named. */
export async function askAll(parts: Parts, methods: Methods, request: AskRequest): Promise<AskAllView> {
  check(methods, request);
  const joins = request.view === 'flows';
  const top = Number(request.params.top ?? JOINED_OF_EACH);
  const asked = joins
    ? { ...request, params: { ...request.params, top: Math.max(top, JOINED_OF_EACH) } }
    : request;
  const routers = await Promise.all(
    parts.directory.routers().map(async ({ peer, name: router }): Promise<RouterAnswer> => {
      try {
        return { router, peer, answer: await askPeer(parts, methods, peer, asked) };
      } catch (error) {
        const { name, hint } =
          error instanceof HedgerowError ? error : { name: 'TemporaryError', hint: undefined };
        return { router, peer, missing: { name, message: messageOf(error), hint } };
      }
    }),
  );
  routers.sort((x, y) => (x.router < y.router ? -1 : 1));
  return { view: request.view, routers, ...(joins ? { joined: joinAnswers(parts, routers, top) } : {}) };
}

/** What is asked wrongly is told before anybody is asked. */
function check(methods: Methods, request: AskRequest): AskRequest {
  if (ASKABLE.has(request.view)) {
    methods.get(request.view)?.params.parse(request.params);
    return request;
  }
  const meant = nearest(request.view, ASKABLE.keys());
  throw new UsageError(`routers do not ask each other for "${request.view}"`, {
    hint: meant === undefined ? `they do for ${[...ASKABLE.keys()].join(', ')}` : `did you mean ${meant}?`,
  });
}

async function askPeer(
  parts: Parts,
  methods: Methods,
  peer: PeerKey,
  { view, params }: AskRequest,
): Promise<unknown> {
  if (peer === parts.key.peer) return await methods.get(view)?.run(params);
  return await askOther(parts, peer, { view, params });
}

/** What another router answers. TemporaryError when it is away or does not answer; what it refuses is thrown as it says. */
export async function askOther(parts: Parts, peer: PeerKey, { view, params }: AskRequest): Promise<unknown> {
  const router = parts.directory.routerName(peer);
  const { state = 'unknown', sinceMs = 0 } = parts.network.peers().find((each) => each.peer === peer) ?? {};
  if (!isThere(state)) {
    const minutes = Math.round(sinceMs / 60_000);
    const since = minutes < 1 ? 'less than a minute' : minutes === 1 ? 'a minute' : `${minutes} minutes`;
    const why = state === 'unknown' ? 'not heard of since this agent started' : `${state} for ${since}`;
    throw new TemporaryError(`${router} cannot be reached: ${why}`, {
      hint: 'hedgerow peers shows who can; what it has seen is kept there',
    });
  }
  let answer: Answer;
  try {
    answer = await parts.network.questions.ask(peer, view, JSON.stringify(params));
  } catch (error) {
    throw new TemporaryError(`${router}: ${messageOf(error)}`, { cause: error, hint: 'ask again' });
  }
  if (answer.kind === 'refused') {
    const { name, message, hint, exitCode } = answer.why;
    throw new HedgerowError(name, `${router}: ${message}`, { hint, exitCode });
  }
  const read = readForeignJson(answer.json);
  if (read === undefined) throw new TemporaryError(`${router}: its answer cannot be read`);
  return read.value;
}
