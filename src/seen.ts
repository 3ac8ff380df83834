import { join } from 'node:path';
import type { Clock } from './clock.ts';
import type { Config } from './config-schema.ts';
import type { Counter } from './local/enforce/backend.ts';
import type { Enforcer } from './local/enforce/enforcer.ts';
import type { Exec } from './local/exec.ts';
import type { Drop, Sighting } from './local/flows/flow.ts';
import { FlowTable } from './local/flows/flow-table.ts';
import { PolicyDrops } from './local/flows/policy-drops.ts';
import { History } from './local/history/history.ts';
import { InterfaceTotals } from './local/history/interface-totals.ts';
import type { DeviceTotal } from './local/history/totals.ts';
import { Aliases } from './local/nodes/aliases.ts';
import { Merges } from './local/nodes/merges.ts';
import { NodeCache } from './local/nodes/node-cache.ts';
import { NodeFile } from './local/nodes/node-file.ts';
import { Stays } from './local/nodes/presence.ts';
import { NodeReferences } from './local/nodes/references.ts';
import { Vendors } from './local/nodes/vendors.ts';
import type { Log } from './log.ts';
import type { BlockSet, Mac, NodeId } from './policy/block-set.ts';
import type { Crypto } from './policy/crypto.ts';
import { domainNodeId } from './policy/identity.ts';
import type { PresenceClaim, Totals } from './policy/presence.ts';
import type { Replica } from './policy/replica.ts';
import type { Service } from './service.ts';
import { seenHoursIn } from './store/seen-hours.ts';
import { openSeenStore } from './store/seen-level.ts';
import type { SeenStore } from './store/seen-store.ts';

/** What this router sees, and where it keeps that over restarts. None of it is of the policy, and all of it may be lost. */
export interface Seen {
  readonly store: SeenStore;
  readonly cache: NodeCache;
  readonly aliases: Aliases;
  readonly flows: FlowTable;
  readonly history: History;
  readonly nodeFile: NodeFile;
  readonly references: NodeReferences;
  /** What each policy has dropped here. */
  readonly policyDrops: PolicyDrops;
  /** Who made a device; undefined when nobody can tell. */
  readonly vendorOf: (mac: Mac) => string | undefined;
  /** To start before whatever looks, and to stop after it. */
  readonly services: readonly Service[];
  /** News of a flow goes to both, the table of now and the history; what was counted earlier only to the first. */
  sees(news: Sighting, earlier: boolean): void;
  drops(drop: Drop): void;
  /** Reads the kernel's counters so that each policy's are kept. `blockSet`: what they are of. */
  counting(
    kernel: Pick<Enforcer, 'counters'>,
    blockSet: () => BlockSet,
  ): { readonly read: Enforcer['counters']; readonly onCounted: (added: Counter) => void };
  /** Which devices are behind this router, to be told to the others. */
  claims(): PresenceClaim[];
  /** The policy has changed: nodes may be one, or two, that were not. */
  noticed(): void;
}

export interface SeenOptions {
  readonly config: Config;
  /** Where it is kept. */
  readonly folder: string;
  readonly replica: Replica;
  readonly crypto: Crypto;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Log;
  readonly clockTrusted: () => boolean;
  /** The interfaces whose own totals are kept beside the flows. */
  readonly interfaces: () => readonly string[];
  /** What the other routers say of the devices behind them, and of persistent nodes. */
  readonly others: {
    /** Whether one of them knows the device: then it is not new. */
    knows(id: NodeId): boolean;
    /** When the device came to one of them, monotonic milliseconds. */
    arrival(mac: Mac): number | undefined;
  };
  /** The MACs of the home's routers, which are no devices. */
  readonly routerMacs: () => ReadonlySet<Mac>;
}

const MINUTE = 60_000;

/** Opens what was kept. Never fails on what it finds there: what cannot be used is put aside (store/seen-level.ts). */
export async function openSeen(options: SeenOptions): Promise<Seen> {
  const { config, folder, replica, crypto, exec, clock, log, clockTrusted, others, routerMacs } = options;
  const { observe } = config;
  const { home } = replica;
  const store = await openSeenStore(join(folder, 'nodes'), { clock, log, home });
  const flows = new FlowTable({
    clock,
    flowTimeMs: observe.flowSeconds * 1000,
    maxIdle1Ms: observe.flowMaxIdleMinutes * MINUTE,
    maxIdle2Ms: observe.flowMaxIdleLongMinutes * MINUTE,
    nodeKeepFlows: observe.nodeKeepFlows,
    maxFlows: observe.maxFlows,
  });
  const cache: NodeCache = new NodeCache({
    home,
    crypto,
    clock,
    nodeKeepMs: observe.nodeKeepMinutes * MINUTE,
    clockTrusted,
    knownBefore: (id) => nodeFile.knows(id) || others.knows(id),
  });
  const aliases = new Aliases({ live: (id) => cache.has(id) || cache.referred.has(id) });
  const nodeFile = new NodeFile({
    store,
    cache,
    aliases,
    clock,
    log,
    held: (id) => flows.holds(id),
    knownElsewhere: (id) => others.knows(id),
    routerMacs,
  });
  const references = new NodeReferences({
    live: () => replica.live.values(),
    version: () => replica.liveVersion,
    idOfDomain: (domain) => domainNodeId(crypto, home, domain),
    flows: (id) => flows.heldBy(id),
    referred: (id) => cache.referred.has(id),
    held: (id) => cache.holds.of(id),
  });
  const merges = new Merges(cache.news, (id) => cache.descriptor(id)?.device === true);
  let edgesAt = -1;
  const totals = new InterfaceTotals(exec);
  const history = new History({
    store,
    hours: seenHoursIn(join(folder, 'hours')),
    clock,
    log,
    trusted: clockTrusted,
    days: observe.historyDays,
    textOf: (id) => textOf(cache, id),
    interfaces: (signal) => totals.read(options.interfaces(), signal),
  });
  const vendors = new Vendors();
  const policyDrops = new PolicyDrops({ store, log });
  const stays = new Stays({
    devices: () => cache.devices(),
    lastSeen: (id) => cache.seenSinceStart(id),
    totals: (id) => bytesOf(history.total(id)),
    arrivedElsewhere: (mac) => others.arrival(mac),
  });
  return {
    store,
    cache,
    aliases,
    flows,
    history,
    nodeFile,
    references,
    policyDrops,
    vendorOf: (mac) => vendors.vendorOf(mac),
    services: [nodeFile, history, policyDrops],
    sees: (news, earlier) => {
      flows.sees(news);
      // The kernel's counters outlive a run, which has put them down already.
      if (!earlier) history.sees(news);
    },
    drops: (drop) => {
      flows.seesDrop(drop);
      history.drops(drop);
    },
    counting: (kernel, blockSet) => ({
      read: async (signal) => {
        const read = await kernel.counters(signal);
        if (read !== undefined) policyDrops.read();
        return read;
      },
      onCounted: (added) => policyDrops.counted(blockSet(), added),
    }),
    claims: () => stays.claims(clock.monotonic()),
    noticed: () => {
      if (replica.size > 0) policyDrops.keep((id) => replica.live.has(id));
      if (edgesAt === replica.edgesVersion) return;
      edgesAt = replica.edgesVersion;
      merges.look(replica.edges());
    },
  };
}

/** What the others are told of a device's totals: bytes, and nothing as long as none were counted. */
function bytesOf(total: DeviceTotal | undefined): Totals | undefined {
  return total === undefined ? undefined : { up: total.up.bytes, down: total.down.bytes };
}

/** By what a node is known: kept in the history for when nobody knows it any more. */
function textOf(cache: NodeCache, id: NodeId): string | undefined {
  const { macs: [mac] = [], domains: [domain] = [], addresses: [binding] = [] } = cache.descriptor(id) ?? {};
  return mac ?? domain ?? binding?.address;
}
