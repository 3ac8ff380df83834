import type { EnforcerHealth } from '../../local/enforce/enforcer-health.ts';
import type { ObserverHealth } from '../../local/observer.ts';
import type { Parts } from '../parts.ts';
import { CAPABILITIES, type Rights, rightsHeld } from '../rights.ts';
import { several } from './held-words.ts';
import { goneWords } from './home.ts';
import { idleProblem } from './idle.ts';
import { overlayProblems } from './overlay-problems.ts';
import { isThere } from './peer-words.ts';
import { isShown } from './shown.ts';

/** One look at a router. */
export interface StatusView {
  readonly router: string;
  /** This router's key: what `home add` wants. */
  readonly peer: string;
  readonly home: { readonly id: string; readonly name: string | undefined };
  readonly uptimeSeconds: number;
  readonly readyMs: number;
  readonly rssMb: number;
  /** Equal on all routers that are in step. */
  readonly digest: string;
  readonly ops: number;
  readonly policies: number;
  readonly routers: { readonly members: number; readonly alive: number; readonly inStep: number };
  readonly enforcement: EnforcerHealth & { readonly detail: string };
  readonly reach: Reach;
  readonly observation: ObserverHealth;
  readonly devices: number;
  readonly flows: number;
  /** As whom the agent runs. */
  readonly rights: Rights;
  /** Whether this router knows what time it is, and why. */
  readonly clock: { readonly trusted: boolean; readonly why: string };
  /** Changes that this router refused to write because there were too many in a short time. */
  readonly changesRefused: number;
  /** A long exchange of the home's history that is under way, in ops. */
  readonly syncing:
    | { readonly router: string; readonly received: number; readonly expected: number }
    | undefined;
  /** What is wrong, in words; empty when all is well. */
  readonly problems: readonly string[];
}

/** What is blocked beyond what this router forwards, as far as policies ask for it. */
export interface Reach {
  /** Interfaces of the LAN whose devices are kept apart also where no router is between them, and the others. */
  readonly inside: readonly string[];
  readonly notInside: readonly string[];
  /** Why what this router itself sends and receives is not judged; undefined where it is. */
  readonly notOwn: string | undefined;
}

export function statusView(parts: Parts): StatusView {
  const { config, key, replica, enforcer, observer, network, directory, cache } = parts;
  const others = network.peers();
  const members = replica.members().filter(({ peer, depth }) => depth >= 0 && replica.isMember(peer));
  // One that was evicted is no member any more.
  const self = replica.isMember(key.peer) ? 1 : 0;
  const enforcement = { ...enforcer.health(), detail: parts.backend.detail };
  const observation = observer.health();
  const rights = rightsHeld();
  return {
    router: config.agent.name,
    peer: key.peer,
    home: { id: replica.home, name: directory.homeName() },
    uptimeSeconds: Math.round(parts.uptimeMs() / 1000),
    readyMs: Math.round(parts.readyMs()),
    rssMb: Math.round(process.memoryUsage.rss() / 1e5) / 10,
    digest: replica.digest,
    ops: replica.size,
    policies: [...replica.live.values()].filter(({ record }) => isShown(record)).length,
    routers: {
      members: members.length,
      alive: self + others.filter(({ state }) => isThere(state)).length,
      inStep: self + others.filter(({ state, digestEqual }) => isThere(state) && digestEqual === true).length,
    },
    enforcement,
    reach: reachOf(parts, enforcement, observation),
    observation,
    devices: cache.counters.devices.size,
    flows: parts.flows.size,
    rights,
    clock: parts.clockTrust(),
    changesRefused: parts.author.refused,
    syncing: syncing(parts),
    problems: [...rightsMissing(rights), ...problems(parts, enforcement, observation)],
  };
}

/** A router over ssh that cannot be reached, and what to do about it. */
function awayWords({ elsewhere }: Parts): string | undefined {
  if (elsewhere?.why === undefined) return undefined;
  return `${elsewhere.why}; ${elsewhere.hint ?? 'what it blocks it goes on blocking until it is started anew'}`;
}

function syncing({ network, directory }: Parts): StatusView['syncing'] {
  const progress = network.progress();
  if (progress === undefined) return undefined;
  const { peer, received, expected } = progress;
  return { router: directory.routerName(peer), received, expected };
}

function rightsMissing({ lacks }: Rights): string[] {
  return lacks.map((name) => `the agent lacks ${name}: ${CAPABILITIES[name].without}`);
}

/** For so long it is told that somebody else changed our rules, seconds. */
const DRIFT_TOLD_S = 600;

/** A change that takes longer is told, seconds. */
const SLOW_RUN_S = 3;

/** What somebody else changed in the kernel lately. */
function driftWords({ lastDrift, driftRepairs }: EnforcerHealth): string | undefined {
  if (lastDrift === undefined || lastDrift.secondsAgo > DRIFT_TOLD_S) return undefined;
  const { what, name } = lastDrift;
  const changed = `something else changed Hedgerow's rules (${what} ${name}); they`;
  if (driftRepairs === 0) return `${changed} are being put right`;
  return `${changed} were put right, ${driftRepairs === 1 ? 'once' : `${driftRepairs} times`} since the start`;
}

/** What is blocked where nothing is forwarded: a bridge of this machine may be between two devices all the same. */
export function blockedInside(lan: readonly string[], sees: Parts['seesInside'] = () => false): string {
  const bridges = lan.filter(sees);
  if (bridges.length === 0) return 'it blocks nothing';
  return `it blocks only what devices on ${bridges.join(', ')} send to each other through it`;
}

/** What is judged now, of these interfaces of the LAN. */
export function reachOf(
  { seesInside = () => false, ownTraffic, config }: Pick<Parts, 'seesInside' | 'ownTraffic' | 'config'>,
  { enforcing }: Pick<EnforcerHealth, 'enforcing'>,
  { lan }: Pick<ObserverHealth, 'lan'>,
): Reach {
  const off = config.enforce.ownTraffic ? undefined : 'enforce.ownTraffic is off';
  const inside = enforcing ? lan.filter((name) => seesInside(name)) : [];
  return {
    inside,
    notInside: lan.filter((name) => !inside.includes(name)),
    notOwn: enforcing ? (ownTraffic?.() ?? off) : 'nothing is enforced',
  };
}

function problems(parts: Parts, enforcement: EnforcerHealth, observation: ObserverHealth): string[] {
  const found: string[] = [];
  const away = awayWords(parts);
  if (away !== undefined) found.push(away);
  const gone = goneWords(parts);
  if (gone !== undefined) found.push(gone);
  if (parts.holding()) {
    found.push('this router waits for the others to tell what is blocked; what was blocked stays blocked');
  } else if (!enforcement.enforcing) {
    found.push(idleProblem(parts.backend, enforcement));
  }
  if (enforcement.planProblem !== undefined)
    found.push(
      `the newest blocks cannot be kept for the next boot, and would come into force only once the agent runs: ${enforcement.planProblem}`,
    );
  const run = parts.enforcer.underWay();
  if (enforcement.enforcing && run !== undefined && run.seconds >= SLOW_RUN_S)
    found.push(
      `the kernel has not taken the newest change for ${run.seconds} s; what was blocked before is still blocked`,
    );
  const own = parts.config.enforce.ownTraffic ? parts.ownTraffic?.() : undefined;
  if (own !== undefined) found.push(`policies about this router itself are not in force: ${own}`);
  const { forwardsNothing, lan, tracking, why } = observation;
  if (forwardsNothing !== undefined)
    found.push(
      `${forwardsNothing}; ${blockedInside(lan, enforcement.enforcing ? parts.seesInside : undefined)}`,
    );
  else if (lan.length === 0)
    found.push('no LAN was found: this router forwards nothing that Hedgerow can see');
  if (!tracking && why !== undefined && forwardsNothing === undefined) found.push(`no flows: ${why}`);
  else if (tracking && why !== undefined) found.push(why);
  const drift = driftWords(enforcement);
  if (drift !== undefined) found.push(drift);
  for (const source of observation.sources) {
    if (!source.running) found.push(`${source.name} does not run: ${source.lastError ?? 'not yet'}`);
  }
  found.push(...overlayProblems(parts));
  const { unreadable } = parts.replica;
  if (unreadable > 0)
    found.push(
      `${several(unreadable, 'policy', 'policies')} cannot be read from the disk: hedgerow store check`,
    );
  const store = parts.storeError();
  if (store !== undefined) found.push(`the store cannot be written: ${store}`);
  const { problem, putAside } = parts.history?.health() ?? {};
  if (problem !== undefined) found.push(`what is seen cannot be kept: ${problem}`);
  if (putAside !== undefined) found.push(putAside);
  return [...found, ...(parts.doorProblems?.() ?? [])];
}
