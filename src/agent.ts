import { openBlocking } from './blocking.ts';
import { openBook } from './book.ts';
import type { Clock } from './clock.ts';
import { pathsOf } from './config.ts';
import type { Config } from './config-schema.ts';
import { answersTo } from './control/answers.ts';
import { Connections } from './control/connections.ts';
import { enforcementOf } from './control/enforcement.ts';
import { careOf, endRepair } from './control/store-tasks.ts';
import { messageOf } from './errors.ts';
import { doorOf } from './inviting.ts';
import { Decider } from './local/decider.ts';
import { Publisher } from './local/nodes/publisher.ts';
import { Notices } from './local/notices.ts';
import type { Interfaces } from './local/observe/interfaces.ts';
import { Observer } from './local/observer.ts';
import type { Log } from './log.ts';
import { openMoving } from './moving.ts';
import { openOthers } from './others.ts';
import type { Applied } from './p2p/alive/applied.ts';
import { routerCard, segmentRouter } from './p2p/card.ts';
import { loadPeerKey } from './p2p/identity.ts';
import { withAcquaintances } from './p2p/joining/acquaintances.ts';
import { foundHome } from './p2p/joining/founding.ts';
import { createCrypto } from './p2p/keys.ts';
import { type GivenParts, openPeople } from './people.ts';
import { openPlace, type Place } from './place.ts';
import { deviceId } from './policy/identity.ts';
import { openSeen } from './seen.ts';
import { type Service, startAll, stopAll, untilAborted } from './service.ts';
import { HomeKeeper } from './store/home-keeper.ts';
import type { SeenStore } from './store/seen-store.ts';
import { timing } from './timing.ts';

export interface AgentOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborts when the agent should stop. */
  readonly signal: AbortSignal;
  /** Group that may use the control socket, resolved to its number. */
  readonly groupId?: number | undefined;
}

/** A repair is told to whoever asked for it before the agent begins anew, milliseconds. */
const REPAIR_TOLD_MS = 1_000;
/** How long the start waits for the kernel before it calls itself ready all the same, milliseconds. */
const SETTLE_MS = 5_000;

/** Runs the agent until the signal aborts. It begins anew by itself when it joins another home or its uplink changes. */
export async function runAgent(options: AgentOptions): Promise<void> {
  let repaired = false;
  while (!options.signal.aborted) repaired = await runOnce(options, repaired);
}

/**
 * One life of the agent: builds the parts in order, starts them, waits, and stops them in reverse. Answers whether it has
 * dropped damaged ops, which the next life gets back from the others before it touches its kernel.
 */
async function runOnce(
  { config, clock, log, signal, groupId }: AgentOptions,
  repaired: boolean,
): Promise<boolean> {
  let repairing = false;
  const born = clock.monotonic();
  const again = new AbortController();
  const life = AbortSignal.any([signal, again.signal]);
  const paths = pathsOf(config);
  const crypto = createCrypto();

  // What this router is, and what it remembers.
  const key = loadPeerKey(config.agent.stateDir);
  const keeper = HomeKeeper.open(paths.home, paths.store, () => foundHome(key));
  const home = keeper.read();
  const beginAnew = (why: string): void => again.abort(new Error(why));
  const moving = openMoving({ keeper, clock, beginAnew });
  let notices: Notices | undefined;
  let seenStore: SeenStore | undefined;
  let opened: Place | undefined;
  let cardsChanged = (): void => undefined;
  let membersChanged = (): void => undefined;
  const book = await openBook({
    folder: paths.store,
    home,
    crypto,
    self: key.peer,
    onOp: (own) => {
      notices?.changed();
      if (own) notices?.decided();
    },
    onMembers: () => membersChanged(),
    onRegister: (card) => {
      if (card) cardsChanged();
      notices?.described();
    },
  });
  const { store, replica, registers, applied, run } = book;
  try {
    const place = await openPlace({ config, owner: key.peer, clock, log }, life);
    opened = place;
    const reach = { exec: place.exec, clock, log };
    const { trust, timekeeper } = timing({
      clock,
      log,
      exec: place.here,
      replica,
      store,
      mode: config.clock.trusted,
      self: key.peer,
      peerClocks: () => network.clocks(),
      onChange: () => notices?.changed(),
      write: (change) => people.parts.author.write(change, false),
    });

    // The kernel's side: what is seen, what should be blocked, and what blocks it.
    const router = segmentRouter(key.peer);
    const lookFor = { router, lan: config.lan.interfaces, wan: config.wan.interfaces };
    let interfaces: Interfaces = await place.interfaces(lookFor, life);
    const nearby = () => interfaces;
    const seen = await openSeen({
      ...reach,
      config,
      folder: paths.seen,
      replica,
      crypto,
      clockTrusted: () => trust.trusted,
      interfaces: () => [...interfaces.lan.map(({ name }) => name), ...interfaces.wan],
      others: {
        knows: (id) => [...registers.describing(id)].length > 0 || network.presence.knows(id),
        arrival: (mac) => network.presence.arrival(mac),
      },
      routerMacs: () => decider.routerMacs(),
    });
    seenStore = seen.store;
    const { cache, flows } = seen;
    const decider = new Decider({
      replica,
      registers,
      cache,
      crypto,
      self: key.peer,
      interfaces: nearby,
      memberAddresses: () => [...others.memberAddresses(), ...place.driverAddresses()],
      networks: config.home.networks,
      maxAddresses: config.enforce.maxAddresses,
      ownTraffic: config.enforce.ownTraffic,
      inForce: (live) => timekeeper.inForce(live),
    });
    const onApplied = (said: Applied) => network.sayApplied(said);
    const blocking = await openBlocking(
      { ...reach, config, paths, decider, replica, applied, onApplied, interfaces: nearby, beginAnew },
      life,
    );
    const { enforcer, kernel, reached } = blocking;
    place.onReached(reached);
    const { names: captures, pollSeconds, ...observe } = config.observe;
    const observer = new Observer({
      ...reach,
      config: { ...lookFor, ...observe, captures, pollMs: pollSeconds * 1000 },
      cache,
      flows,
      onSighting: (news, earlier) => {
        seen.sees(news, earlier);
        people.recent.sees(news, earlier);
      },
      onAnswer: (fact) => people.recent.answered(fact),
      drops: {
        ...seen.counting(enforcer, () => decider.latest),
        onDrop: (drop) => {
          seen.drops(drop);
          people.recent.drops(drop);
        },
      },
      onInterfaces: (found) => {
        if (found.wan.join() !== interfaces.wan.join()) beginAnew('the uplink changed');
        interfaces = found;
        notices?.changed();
      },
    });

    // The other routers.
    const connections = new Connections(clock);
    const others = openOthers({
      ...reach,
      config: config.p2p,
      home,
      replica,
      registers,
      store,
      key,
      interfaces: () => place.driver() ?? interfaces,
      onListens: () => notices?.changed(),
      onMoved: () => notices?.changed(),
      onBatch: (edge) => notices?.batch(edge),
      clockTrusted: () => trust.trusted,
      presence: { claims: () => seen.claims(), idOf: (mac) => deviceId(crypto, replica.home, mac) },
      door: doorOf(() => people.parts),
      listeners: connections,
      answer: answersTo({ people: () => people, allowed: config.p2p.answer, log }),
      enforcement: () => enforcementOf(enforcer.health(), notices?.holding ?? false),
    });
    const { network } = others;
    membersChanged = () => network.membersChanged();
    const publisher = new Publisher({
      registers,
      key,
      cache,
      clock,
      persistent: () => decider.persistentNodes(),
      card: () => routerCard(config.agent.name, interfaces, others.listens()),
      onPublished: ({ envelope }) => network.announceRegister(envelope),
    });

    // How news travels: policy and bindings reach the kernel at once, registers a moment later.
    notices = new Notices({
      clock,
      enforce: () => enforcer.notify(),
      publish: () => {
        timekeeper.noticed();
        publisher.notify();
        seen.noticed();
        keeper.remember(withAcquaintances(keeper.read(), replica, registers, key.peer));
      },
      stop: () => publisher.stop(),
      waitForHome: repaired || book.dropped || (replica.size === 0 && home.sponsors.length > 0),
      syncing: () => network.syncing(),
    });
    cardsChanged = () => observer.exclude(decider.routerMacs());
    cardsChanged();
    let bindings = cache.bindingsVersion;
    cache.watch(() => {
      if (bindings === cache.bindingsVersion) notices?.seen();
      else notices?.changed();
      bindings = cache.bindingsVersion;
    });

    // People.
    let ready = born;
    const repair = () => {
      repairing = true;
      clock.after(REPAIR_TOLD_MS, () => again.abort(new Error('the store was repaired')));
    };
    const parts: GivenParts = {
      config,
      clock,
      key,
      crypto,
      replica,
      registers,
      ...seen,
      ...blocking,
      elsewhere: place.exec.elsewhere,
      observer,
      network,
      ...others.parts,
      blockSet: () => decider.latest,
      apart: (subjects) => decider.apart(subjects),
      identity: () => decider.classes(),
      classOf: (id) => [...decider.classOf(id)],
      force: (live) => timekeeper.force(live),
      clockTrust: () => trust.now(),
      holding: () => notices?.holding ?? false,
      home: moving.access,
      uptimeMs: () => clock.monotonic() - ready,
      readyMs: () => ready - born,
      care: careOf({ database: book.database, replica, crypto, network, beginAnew: repair }, life),
      storeError: () => store.lastError,
    };
    const people = openPeople({
      parts,
      store,
      author: { run, kernel, describe: () => publisher.hold() },
      connections,
      groupId,
      life,
      clock,
      log,
    });

    // What earlier runs left in the kernel stays in force until the first notice, which comes once the interfaces are
    // known; the overlay starts while the kernel is brought up to date.
    const enforceNow: Service = {
      name: 'first notice',
      start: async () => notices?.changed(),
      stop: async () => undefined,
    };
    const services: Service[] = [
      ...blocking.alone,
      trust,
      timekeeper,
      enforcer,
      ...seen.services,
      observer,
      enforceNow,
      ...others.services,
      ...people.services,
    ];
    await startAll(services, life, log);
    // Now it is known where the overlay listens.
    notices.changed();
    await kernel.reached(applied.version, SETTLE_MS);
    ready = clock.monotonic();
    const { backend } = enforcer.health();
    log.info({ readyMs: Math.round(ready - born), backend, ops: replica.size }, 'the agent is ready');
    await untilAborted(life);
    await stopAll(services, log);
    if (repairing) return await endRepair(store, book.database);
  } catch (error) {
    if (!again.signal.aborted && !signal.aborted) throw error;
    log.debug({ error: messageOf(error) }, 'a life of the agent was cut short');
  } finally {
    notices?.stop();
    await seenStore?.close();
    await store.close();
    await opened?.close();
  }
  moving.finish(paths.store, paths.key);
  return false;
}
