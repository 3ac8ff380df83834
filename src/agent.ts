import { mkdirSync } from 'node:fs';
import type { Clock } from './clock.ts';
import { type Config, pathsOf } from './config.ts';
import { Author } from './control/author.ts';
import { Directory } from './control/directory.ts';
import { KernelGate } from './control/kernel-gate.ts';
import { methodsOf } from './control/methods.ts';
import { ControlServer } from './control/server.ts';
import { messageOf } from './errors.ts';
import { Decider } from './local/decider.ts';
import { DryRunBackend } from './local/enforce/dry-run-backend.ts';
import { Enforcer } from './local/enforce/enforcer.ts';
import { PlanFile } from './local/enforce/plan-file.ts';
import { chooseBackend } from './local/enforce/probe.ts';
import { createExec } from './local/exec.ts';
import { FlowTable } from './local/flows/flow-table.ts';
import { NodeCache } from './local/nodes/node-cache.ts';
import { Publisher } from './local/nodes/publisher.ts';
import { Notices } from './local/notices.ts';
import { type Interfaces, readInterfaces } from './local/observe/interfaces.ts';
import { Observer } from './local/observer.ts';
import { resolveDomain } from './local/resolver.ts';
import type { Log } from './log.ts';
import { withAcquaintances } from './p2p/acquaintances.ts';
import { AppliedLog } from './p2p/applied.ts';
import { connectedAddresses, routerCard, segmentRouter } from './p2p/card.ts';
import { foundHome } from './p2p/founding.ts';
import { loadPeerKey } from './p2p/identity.ts';
import { createCrypto, randomHex } from './p2p/keys.ts';
import { Network } from './p2p/network.ts';
import { Registers } from './policy/registers.ts';
import { Replica } from './policy/replica.ts';
import { type Service, startAll, stopAll } from './service.ts';
import type { HomeFile } from './store/home-file.ts';
import { HomeKeeper } from './store/home-keeper.ts';
import { restore } from './store/restore.ts';
import { SlotsFile } from './store/slots-file.ts';
import { openDatabase, Store } from './store/store.ts';

export interface AgentOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborts when the agent should stop. */
  readonly signal: AbortSignal;
  /** Group that may use the control socket, resolved to its number. */
  readonly groupId?: number | undefined;
}

/** How long the start waits for the kernel before it calls itself ready all the same, milliseconds. */
const SETTLE_MS = 5_000;

/** Runs the agent until the signal aborts. It begins anew by itself when it joins another home or its uplink changes. */
export async function runAgent(options: AgentOptions): Promise<void> {
  while (!options.signal.aborted) await runOnce(options);
}

/** One life of the agent: builds the parts in order, starts them, waits, and stops them in reverse. */
async function runOnce({ config, clock, log, signal, groupId }: AgentOptions): Promise<void> {
  const born = clock.monotonic();
  const again = new AbortController();
  const life = AbortSignal.any([signal, again.signal]);
  const paths = pathsOf(config);
  const crypto = createCrypto();
  const exec = createExec();

  // What this router is, and what it remembers.
  mkdirSync(config.agent.stateDir, { recursive: true, mode: 0o700 });
  const key = loadPeerKey(config.agent.stateDir);
  const keeper = HomeKeeper.open(paths.home, paths.store, () => foundHome(key));
  const home = keeper.read();
  const database = await openDatabase(paths.store);
  const store = new Store(database);
  let next: HomeFile | undefined;
  let notices: Notices | undefined;
  try {
    // The policy: everything that is wanted. The store and all notices hang on admission.
    const appliedLog = new AppliedLog();
    const run = randomHex(16);
    let cardsChanged = (): void => undefined;
    const replica = new Replica({
      genesis: home.genesis,
      crypto,
      onAdmitted: (op) => {
        if (restored) store.putOp(op);
        appliedLog.admitted(op.id);
        notices?.changed();
        if (op.run === run) notices?.decided();
      },
    });
    const registers = new Registers({
      home: replica.home,
      crypto,
      isMember: (peer) => replica.isMember(peer),
      onAdmitted: (register) => {
        if (restored) store.putRegister(register);
        if (register.card !== undefined) cardsChanged();
        notices?.changed();
      },
    });
    let restored = false;
    restore(await store.load(replica.home), replica, registers, key.peer);
    restored = true;

    // The kernel's side: what is seen, what should be blocked, and what blocks it.
    const router = segmentRouter(key.peer);
    const lookFor = { router, lan: config.lan.interfaces, wan: config.wan.interfaces };
    let interfaces: Interfaces = await readInterfaces(exec, lookFor, life);
    const cache = new NodeCache({ home: replica.home, crypto, clock });
    const flows = new FlowTable({ clock });
    const decider = new Decider({
      replica,
      registers,
      cache,
      crypto,
      self: key.peer,
      interfaces: () => interfaces,
      memberAddresses: () => connectedAddresses(network.peers()),
      networks: config.home.networks,
      maxAddresses: config.enforce.maxAddresses,
    });
    const slots = new SlotsFile(paths.slots);
    const wan = interfaces.wan;
    const choice = await chooseBackend(config.enforce.backend, { exec, clock, log, slots, wan }, life);
    const backend = choice.role === 'enforcer' ? choice.backend : new DryRunBackend({ clock, log, wan });
    const kernel = new KernelGate(clock, () => appliedLog.version);
    const enforcer = new Enforcer({
      backend,
      desired: () => ({ state: `${appliedLog.version} ${replica.digest}`, blockSet: decider.blockSet() }),
      onApplied: (state) => {
        const [version = '0', digest = ''] = state.split(' ');
        const said = appliedLog.applied(Number(version), digest);
        kernel.applied(Number(version));
        if (enforcer.health().enforcing) network.sayApplied(said);
      },
      clock,
      log,
      planFile: new PlanFile({ path: paths.plan, clock, log }),
    });
    const observer = new Observer({
      exec,
      clock,
      log,
      config: {
        ...lookFor,
        leases: config.observe.leases,
        captures: config.observe.names,
        pollMs: config.observe.pollSeconds * 1000,
      },
      cache,
      flows,
      onInterfaces: (found) => {
        interfaces = found;
        if (found.wan.join() !== wan.join()) again.abort(new Error('the uplink changed'));
        notices?.changed();
      },
    });

    // The other routers.
    const network = new Network({
      replica,
      registers,
      key,
      psk: Buffer.from(home.psk, 'hex'),
      sponsors: home.sponsors,
      listen: config.p2p.listen,
      announce: config.p2p.announce,
      bootstrap: [...config.p2p.bootstrap, ...home.bootstrap],
      clock,
      log,
      ...(config.p2p.toleranceSeconds === undefined
        ? {}
        : { toleranceMs: config.p2p.toleranceSeconds * 1000 }),
      addressesOf: (peer) => registers.card(peer)?.listens ?? [],
      onBatch: (edge) => notices?.batch(edge),
    });
    const publisher = new Publisher({
      registers,
      key,
      cache,
      clock,
      persistent: () => decider.persistentNodes(),
      card: () => routerCard(config.agent.name, interfaces, network.addresses()),
      onPublished: (register) => network.announceRegister(register.envelope),
    });

    // How news travels: policy and bindings reach the kernel at once, registers a moment later.
    notices = new Notices({
      clock,
      enforce: () => enforcer.notify(),
      publish: () => {
        publisher.notify();
        keeper.write(withAcquaintances(keeper.read(), replica, registers, key.peer));
      },
      stop: () => publisher.stop(),
      waitForHome: replica.size === 0 && home.sponsors.length > 0,
    });
    const exclude = () => observer.exclude(decider.routerMacs());
    cardsChanged = exclude;
    exclude();
    let bindings = cache.bindingsVersion;
    cache.watch(() => {
      if (bindings === cache.bindingsVersion) notices?.seen();
      else notices?.changed();
      bindings = cache.bindingsVersion;
    });

    // People.
    const author = new Author({
      replica,
      key,
      run,
      clock,
      kernel,
      durable: () => store.durable(),
      announce: (envelope) => network.announceOp(envelope),
      reachable: () => network.reachable(),
      waitApplied: (op, peers, limits) => network.waitApplied(op, peers, limits),
    });
    let ready = born;
    const methods = methodsOf({
      config,
      clock,
      key,
      crypto,
      replica,
      registers,
      cache,
      flows,
      observer,
      enforcer,
      network,
      author,
      directory: new Directory(replica, registers, cache),
      backend:
        choice.role === 'enforcer'
          ? backend.describe()
          : { name: 'observer', detail: `only observing: ${choice.reason}` },
      blockSet: () => decider.latest,
      holding: () => notices?.holding ?? false,
      home: {
        read: () => keeper.read(),
        write: (file) => keeper.write(file),
        replace: (file) => {
          next = file;
          clock.after(50, () => again.abort(new Error('another home was joined')));
        },
      },
      resolve: async (domain) => {
        if (!config.observe.resolve) return;
        const addresses = await resolveDomain(domain);
        if (addresses.length > 0) cache.apply({ kind: 'answer', domain, chain: [], addresses, ttlS: 0 });
      },
      uptimeMs: () => clock.monotonic() - ready,
      readyMs: () => ready - born,
      storeError: () => store.lastError,
    });
    const control = new ControlServer({ path: config.control.socket, groupId, methods, log });

    // What earlier runs left in the kernel stays in force until the first notice, which comes once the interfaces are
    // known; the overlay starts while the kernel is brought up to date.
    const enforceNow: Service = {
      name: 'first notice',
      start: async () => notices?.changed(),
      stop: async () => undefined,
    };
    const services: Service[] = [enforcer, observer, enforceNow, network, control];
    await startAll(services, life, log);
    // Now it is known where the overlay listens.
    notices.changed();
    await kernel.reached(appliedLog.version, SETTLE_MS);
    ready = clock.monotonic();
    log.info(
      { readyMs: Math.round(ready - born), backend: backend.name, ops: replica.size },
      'the agent is ready',
    );
    await aborted(life);
    await stopAll(services, log);
  } catch (error) {
    if (!again.signal.aborted && !signal.aborted) throw error;
    log.debug({ error: messageOf(error) }, 'a life of the agent was cut short');
  } finally {
    notices?.stop();
    await store.close();
  }
  if (next !== undefined) keeper.move(next, paths.store, clock.now());
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
