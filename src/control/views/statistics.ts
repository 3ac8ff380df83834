import type { ConnectionFacts, ListenerFacts } from '../connections.ts';
import type { LoopDelayFacts } from '../loop-delay.ts';
import type { Cursor, PageRequest } from '../numbered.ts';
import type { Parts } from '../parts.ts';

/** A socket that accepts connections, and what came of it since it opened (seed 004). */
export interface ListenerRow extends Omit<ListenerFacts, 'uptimeMs'> {
  readonly uptimeSeconds: number;
}

/** How the agent fares. */
export interface StatsView {
  readonly listeners: readonly ListenerRow[];
  readonly process: {
    readonly uptimeSeconds: number;
    /** Processor time since the process began. */
    readonly cpuSeconds: number;
    readonly rssBytes: number;
    readonly heapUsedBytes: number;
    readonly externalBytes: number;
    /** By how much the event loop was late, milliseconds. */
    readonly loopDelayMs: LoopDelayFacts | undefined;
  };
  /** What is counted since the agent started: part → name → count. What was dropped for want of room is among it. */
  readonly counters: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** A connection with somebody, as it is now. */
export interface ConnectionRow extends Omit<ConnectionFacts, 'ageMs'> {
  readonly ageSeconds: number;
}

/** Some of the connections. `next`: where to go on, as `cursor`; it is not there when that was all. */
export interface ConnectionsView {
  readonly connections: readonly ConnectionRow[];
  readonly next?: Cursor | undefined;
}

export function statsView(parts: Parts): StatsView {
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    listeners: (parts.connections?.listeners() ?? []).map(({ uptimeMs, ...listener }) => ({
      ...listener,
      uptimeSeconds: Math.round(uptimeMs / 1000),
    })),
    process: {
      uptimeSeconds: Math.round(parts.uptimeMs() / 1000),
      cpuSeconds: (user + system) / 1e6,
      rssBytes: rss,
      heapUsedBytes: heapUsed,
      externalBytes: external,
      loopDelayMs: parts.loopDelay?.now(),
    },
    counters: countersOf(parts),
  };
}

export interface ConnectionsRequest extends PageRequest {
  /** Only those of this listener. */
  readonly listener?: string | undefined;
}

/** Who is connected, in the order in which they came. */
export function connectionsView(
  { connections, directory }: Parts,
  { top, cursor, listener }: ConnectionsRequest,
): ConnectionsView {
  const page = connections?.page(cursor, top, listener);
  const rows = (page?.rows ?? []).map(({ ageMs, purpose, ...row }) => ({
    ...row,
    // Between routers it is the other one that a connection is for.
    purpose: row.listener === 'overlay' ? directory.routerName(purpose) : purpose,
    ageSeconds: Math.round(ageMs / 1000),
  }));
  return { connections: rows, next: page?.next };
}

function countersOf(parts: Parts): Record<string, Record<string, number>> {
  const { network, observer, enforcer, cache, flows, author } = parts;
  const { devices, remotes } = cache.counters;
  const { failures, driftRepairs } = enforcer.health();
  const { sources, outside } = observer.health();
  const history = parts.history?.health();
  const store = parts.store?.health();
  const nodeFile = parts.nodeFile?.health();
  return {
    overlay: { ...network.stats(), ...parts.discovery?.stats() },
    observer: { ...outside },
    ...Object.fromEntries(
      sources.map(({ name, restarts, counters }) => [`source ${name}`, { ...counters, restarts }]),
    ),
    devices: { ...devices },
    remotes: { ...remotes },
    flows: { size: flows.size, dropped: flows.dropped },
    enforcer: { failures, driftRepairs },
    author: { refused: author.refused },
    ...(history && {
      history: { ...history.counters, rows: history.rows, folded: history.folded, damaged: history.damaged },
    }),
    ...(store && {
      store: {
        waitingKeys: store.waiting.keys,
        waitingBytes: store.waiting.bytes,
        dropped: store.dropped,
        unreadable: store.unreadable,
        writtenBytes: store.written,
      },
    }),
    ...(nodeFile && {
      nodeFile: { kept: nodeFile.kept, waiting: nodeFile.waiting, dropped: nodeFile.dropped },
    }),
    ...parts.doorCounters?.(),
  };
}
