import type { Clock } from './clock.ts';
import { pathsOf } from './config.ts';
import { Author, type AuthorOptions } from './control/author.ts';
import type { Connections } from './control/connections.ts';
import { Directory } from './control/directory.ts';
import { LoopDelay } from './control/loop-delay.ts';
import { methodsOf } from './control/methods.ts';
import type { Method } from './control/offer.ts';
import type { Parts } from './control/parts.ts';
import { PasswordFile } from './control/password.ts';
import { RecentGatherer } from './control/recent-source.ts';
import { ControlServer } from './control/server.ts';
import { openDoors } from './doors.ts';
import type { EnforcerHealth } from './local/enforce/enforcer-health.ts';
import { learnDomain } from './local/resolver.ts';
import type { Log } from './log.ts';
import { EvictionNews } from './p2p/joining/eviction-news.ts';
import { Invitations } from './p2p/joining/invitations.ts';
import { knock } from './p2p/joining/knock.ts';
import { NotTaken } from './p2p/joining/not-taken.ts';
import type { Service } from './service.ts';
import type { Store } from './store/store.ts';

/** What the people's side makes of the parts itself. */
type Own =
  | 'author'
  | 'directory'
  | 'invitations'
  | 'evictionNews'
  | 'notTaken'
  | 'knock'
  | 'resolve'
  | 'connections'
  | 'loopDelay'
  | 'doorCounters'
  | 'doorProblems';

export type GivenParts = Omit<Parts, Own>;

export interface PeopleOptions {
  readonly parts: GivenParts;
  readonly store: Store;
  readonly author: Pick<AuthorOptions, 'run' | 'kernel' | 'describe'>;
  /** Ends with this life of the agent. */
  readonly life: AbortSignal;
  /** Group that may use the control socket. */
  readonly groupId: number | undefined;
  readonly connections: Connections;
  readonly clock: Clock;
  readonly log: Log;
}

/** The people's side of the agent: commands and views, and the doors onto them. */
export interface People {
  readonly parts: Parts;
  readonly methods: ReadonlyMap<string, Method>;
  /** Is told what happens, for whoever wants to hear of it. */
  readonly recent: RecentGatherer;
  readonly services: readonly Service[];
}

export function openPeople(options: PeopleOptions): People {
  const { store, life, groupId, connections, clock, log } = options;
  const { config, replica, registers, cache, network, key, clockTrust, classOf } = options.parts;
  const clockTrusted = () => clockTrust().trusted;
  const loopDelay = new LoopDelay(clock);
  const parts: Parts = {
    ...options.parts,
    author: new Author({
      ...options.author,
      replica,
      key,
      clock,
      clockTrusted,
      limits: config.limits,
      durable: () => store.durable(),
      announce: (envelope) => network.announceOp(envelope),
      reachable: () => network.reachable(),
      waitApplied: (op, peers, limits) => network.waitApplied(op, peers, limits),
    }),
    directory: new Directory(replica, registers, cache, classOf, network.presence),
    invitations: new Invitations({ clock, clockTrusted, replica }),
    notTaken: new NotTaken(replica, options.parts.crypto),
    evictionNews: new EvictionNews({ replica, crypto: options.parts.crypto, self: key.peer }),
    knock: (token) => knock({ token, key, clock, signal: life }),
    resolve: config.observe.resolve ? (domain) => learnDomain(domain, cache) : async () => undefined,
    connections,
    loopDelay,
    doorCounters: () => ({ ...doors.counters(), control: { ...control.counters } }),
    doorProblems: () => [...control.problems(), ...doors.problems()],
  };
  const methods = methodsOf(parts);
  const recent = new RecentGatherer(parts);
  const control = new ControlServer({
    path: config.control.socket,
    groupId,
    methods,
    log,
    clock,
    listeners: connections,
  });
  const doors = openDoors({
    config,
    groupId,
    password: new PasswordFile(pathsOf(config).password, clock),
    methods: () => methods,
    listeners: connections,
    recent,
    member: parts.key.peer,
    health: () => healthOf(parts.enforcer.health(), parts.holding()),
    clock,
    log,
  });
  return { parts, methods, recent, services: [loopDelay, control, ...doors.services] };
}

/** For programs that look whether all is well: is what should be blocked blocked? */
function healthOf({ enforcing, halted, standing }: EnforcerHealth, holding: boolean) {
  if (halted !== undefined) return { ok: false, word: 'halted' };
  if (holding) return { ok: true, word: 'waiting' };
  if (!enforcing) return { ok: false, word: standing === true ? 'behind' : 'observing' };
  return { ok: true, word: 'ok' };
}
