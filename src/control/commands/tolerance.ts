import { UnavailableError, UsageError } from '../../errors.ts';
import { MAX_TOLERANCE_MS, MIN_TOLERANCE_MS } from '../../p2p/alive/tolerances.ts';
import { parseFor } from '../durations.ts';
import type { Parts } from '../parts.ts';
import { routerNamed } from '../router-named.ts';
import { type ToleranceRow, tolerancesView } from '../views/tolerances.ts';

/** What setting a tolerance came to. */
export interface ToleranceChange {
  readonly dryRun: boolean;
  readonly changed: boolean;
  /** Those that it is about, as they are now; with `dryRun` as they would be. */
  readonly routers: readonly ToleranceRow[];
  readonly notes: readonly string[];
}

interface Request {
  readonly dryRun: boolean;
  /** A name, the beginning of a key, or `all`. */
  readonly router: string;
  /** A length of time, or `default`. */
  readonly time: string;
}

const HINT = 'say how long: 6s, 90s, 4m, 2h, 2d; or default';

/**
 * Sets how long this router waits for another one, or for all that are members now. UsageError for a time outside of 4 s to
 * 48 h, and when no such router is there.
 */
export function setTolerance(parts: Parts, request: Request): ToleranceChange {
  const { tolerances } = parts;
  if (tolerances === undefined) throw new UnavailableError('this agent cannot change how long it waits');
  const seconds = parseTolerance(request.time);
  const wanted = wantedOf(parts, request.router);
  const before = tolerancesView(parts).filter(({ peer }) => wanted.has(peer));
  const differ = before.filter(({ setSeconds }) => setSeconds !== seconds);
  const ms = seconds === undefined ? undefined : seconds * 1_000;
  if (!request.dryRun) for (const { peer } of differ) tolerances.set(peer, ms);
  const problem = parts.storeError();
  const after = tolerancesView(parts).filter(({ peer }) => wanted.has(peer));
  return {
    dryRun: request.dryRun,
    changed: differ.length > 0,
    routers: request.dryRun ? after.map((row) => ({ ...row, setSeconds: seconds })) : after,
    notes: [
      ...(problem === undefined || request.dryRun
        ? []
        : [`it holds until the agent ends, because it cannot be kept: ${problem}`]),
      ...(request.router.toLowerCase() === 'all' && ms !== undefined
        ? ['routers that join later have the default; p2p.toleranceSeconds of the configuration is for all']
        : []),
    ],
  };
}

/** Seconds; undefined for `default`. */
function parseTolerance(text: string): number | undefined {
  if (text.trim().toLowerCase() === 'default') return undefined;
  let seconds: number;
  try {
    seconds = parseFor(text);
  } catch (cause) {
    throw new UsageError(`${JSON.stringify(text.slice(0, 60))} is not a length of time`, {
      cause,
      hint: HINT,
    });
  }
  const ms = seconds * 1_000;
  if (ms >= MIN_TOLERANCE_MS && ms <= MAX_TOLERANCE_MS) return seconds;
  // At 1 s and 10 % loss there were 7 false alarms an hour per pair.
  const why = ms < MIN_TOLERANCE_MS ? 'at least 4 s: a lost packet is no death' : 'at most 48 h';
  throw new UsageError(`a router waits ${why}`, { hint: HINT });
}

function wantedOf(parts: Parts, router: string): ReadonlySet<string> {
  const peers = parts.network.peers().map(({ peer }) => peer);
  if (router.toLowerCase() === 'all') return new Set(peers);
  const routers = parts.directory.routers();
  const wanted = routerNamed(routers, router, ', and all');
  if (wanted === parts.key.peer) throw new UsageError('this router does not wait for itself');
  if (!peers.includes(wanted))
    throw new UsageError(`${parts.directory.routerName(wanted)} is no member of the home any more`);
  return new Set([wanted]);
}
