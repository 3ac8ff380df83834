import * as z from 'zod';
import { HedgerowError, messageOf } from '../../errors.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { Parts } from '../parts.ts';
import { isThere } from '../views/peer-words.ts';
import { askOther } from './ask.ts';

/** What came of it on another router of the home. */
export interface ToldRouter {
  readonly router: string;
  readonly peer: PeerKey;
  /** It did, or would with `dryRun`. */
  readonly done: boolean;
  /** Why it did not. */
  readonly why: string | undefined;
}

/** What counts of another router's `HaltView`. */
const answered = z.looseObject({ changed: z.boolean(), problem: z.string().max(500).optional() });

/** Somebody else may be asking it this moment, and it answers one question at a time. */
const TRIES = 3;
const AGAIN_MS = 500;

/** Tells every other router of the home, all at the same time, and answers for each what came of it. Never rejects. */
export async function tellOthers(
  parts: Parts,
  command: 'suspend' | 'enforce',
  params: Record<string, unknown>,
): Promise<ToldRouter[]> {
  const others = parts.directory.routers().filter(({ peer }) => peer !== parts.key.peer);
  const told = await Promise.all(
    others.map(async ({ peer, name: router }) => {
      const why = await tell(parts, peer, command, params);
      return { router, peer, done: why === undefined, why };
    }),
  );
  return told.sort((x, y) => (x.router < y.router ? -1 : 1));
}

/** Why it did not work; undefined when it did. */
async function tell(
  parts: Parts,
  peer: PeerKey,
  command: string,
  params: Record<string, unknown>,
): Promise<string | undefined> {
  let why = '';
  for (let n = 1; n <= TRIES; n += 1) {
    try {
      const view = await askOther(parts, peer, { view: command, params });
      return notDone(view);
    } catch (error) {
      why = messageOf(error);
      const mayPass = error instanceof HedgerowError && error.name === 'TemporaryError';
      const state = parts.network.peers().find((each) => each.peer === peer)?.state ?? 'unknown';
      if (!mayPass || !isThere(state)) break;
    }
    if (n < TRIES) await parts.clock.sleep(AGAIN_MS);
  }
  return why;
}

/** Why it is not as it was told, by its answer. What another router says is shown as it is. */
function notDone(view: unknown): string | undefined {
  const answer = answered.safeParse(view);
  return answer.success ? answer.data.problem : 'its answer cannot be read';
}
