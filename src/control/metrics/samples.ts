import { isWanted } from '../../p2p/links/link-choice.ts';
import type { MeasuresView } from '../views/measures.ts';
import type { DeviceView } from '../views/nodes.ts';
import { countStates, isThere, isUnlinked } from '../views/peer-words.ts';
import type { PeerRow } from '../views/peers.ts';
import type { StatsView } from '../views/statistics.ts';
import type { StatusView } from '../views/status.ts';
import { METRICS, type MetricName, type Sample } from './definitions.ts';

type Value = number | boolean | undefined;
type Labels = Readonly<Record<string, string>>;

/** What is not known is left out. */
function sample(name: MetricName, value: Value, labels?: Labels): Sample[] {
  if (value === undefined || !Number.isFinite(Number(value))) return [];
  return [{ name, value: Number(value), ...(labels === undefined ? {} : { labels }) }];
}

/** The values of several metrics, by name. */
function samples(values: Partial<Readonly<Record<MetricName, Value>>>, labels?: Labels): Sample[] {
  return (Object.keys(values) as MetricName[]).flatMap((name) => sample(name, values[name], labels));
}

/** One metric by kind. */
function byKind(name: MetricName, counts: Readonly<Record<string, number>>): Sample[] {
  const [label = ''] = METRICS[name].labels;
  return Object.entries(counts).flatMap(([kind, count]) => sample(name, count, { [label]: kind }));
}

export function ofStats({ listeners, process: of, counters }: StatsView): Sample[] {
  const { loopDelayMs } = of;
  return [
    ...samples({
      resident_memory_bytes: of.rssBytes,
      heap_used_bytes: of.heapUsedBytes,
      cpu_seconds_total: of.cpuSeconds,
      event_loop_delay_p99_seconds: loopDelayMs && loopDelayMs.p99 / 1_000,
      event_loop_delay_max_seconds: loopDelayMs && loopDelayMs.max / 1_000,
    }),
    ...listeners.flatMap((one) =>
      samples(
        {
          listener_active_connections: one.active,
          listener_connections_total: one.total,
          listener_refused_total: one.refused,
          listener_gave_way_total: one.gaveWay,
          listener_received_bytes_total: one.bytesReceived,
          listener_sent_bytes_total: one.bytesSent,
        },
        { listener: one.name, address: one.address },
      ),
    ),
    ...Object.entries(counters).flatMap(([part, counts]) =>
      Object.entries(counts).flatMap(([what, count]) => sample('counts', count, { part, what })),
    ),
  ];
}

export function ofStatus(status: StatusView): Sample[] {
  const { enforcement, observation, routers } = status;
  const drops = observation.sources.find(({ name }) => name === 'drops')?.counters ?? {};
  return [
    ...samples({ info: 1 }, { router: status.router, backend: enforcement.backend }),
    ...samples({
      uptime_seconds: status.uptimeSeconds,
      ready_seconds: status.readyMs / 1_000,
      problems: status.problems.length,
      clock_trusted: status.clock.trusted,
      policies: status.policies,
      ops: status.ops,
      changes_refused_total: status.changesRefused,
      members: routers.members,
      members_alive: routers.alive,
      members_in_step: routers.inStep,
      enforcing: enforcement.enforcing,
      enforcement_failures_total: enforcement.failures,
      drift_repairs_total: enforcement.driftRepairs,
      dropped_packets_total: drops.packets,
      dropped_bytes_total: drops.bytes,
      tracking: observation.tracking,
      flows: status.flows,
      devices: status.devices,
    }),
    ...observation.sources.flatMap(ofSource),
  ];
}

/** By what a source counts its reading; the first that it has. */
const READ = ['frames', 'messages', 'lines', 'news', 'leases', 'readings'];

function ofSource({ name, running, restarts, counters }: StatusView['observation']['sources'][number]) {
  const source = { source: name };
  const read = READ.find((what) => counters[what] !== undefined);
  return [
    ...samples({ source_running: running, source_restarts_total: restarts }, source),
    ...sample('source_read_total', read === undefined ? undefined : counters[read], source),
    ...sample('source_dropped_total', counters.dropped, source),
  ];
}

export function ofPeers(peers: readonly PeerRow[]): Sample[] {
  const reasons: Record<string, number> = {};
  for (const { link } of peers) reasons[link.reason] = (reasons[link.reason] ?? 0) + 1;
  return [
    ...byKind('peers', countStates(peers)),
    ...byKind('links', reasons),
    ...peers.flatMap((row) =>
      samples(
        {
          // Of one with which there is no link by choice nobody here can tell.
          peer_up: row.state === 'unknown' && isUnlinked(row) ? undefined : isThere(row.state),
          peer_heard_by_others: row.heardBy !== undefined,
          peer_in_step: row.inStep,
          peer_applied: row.applied,
          peer_state_seconds: row.sinceSeconds,
          peer_round_trip_seconds: row.rttMs === undefined ? undefined : row.rttMs / 1_000,
          peer_changes_behind: row.changesBehind,
          peer_tolerance_seconds: row.toleranceSeconds,
          peer_their_tolerance_seconds: row.theirToleranceSeconds,
          peer_clock_ahead_seconds: row.clock.aheadSeconds,
          peer_link_up: row.link.state === 'up',
          peer_link_wanted: isWanted(row.link.reason),
          peer_received_bytes_total: row.bytesIn,
          peer_sent_bytes_total: row.bytesOut,
        },
        { peer: row.router, id: row.peer.slice(0, 8) },
      ),
    ),
  ];
}

/** What the overlay counts under these names has a metric of its own. */
const COUNTED = {
  peers_suspected_total: 'peers.suspect',
  peers_down_total: 'peers.down',
  peers_witnessed_total: 'peers.witnessed',
  second_dials_total: 'dial.beside',
  mdns_found_total: 'mdns.found',
  suspended_total: 'suspended',
} as const satisfies Partial<Record<MetricName, string>>;
const CLOSED = 'links.closed.';

function ofOverlay(counts: Readonly<Record<string, number>>): Sample[] {
  const closed = Object.entries(counts)
    .filter(([event]) => event.startsWith(CLOSED))
    .map(([event, count]) => [event.slice(CLOSED.length), count]);
  return [
    ...Object.entries(COUNTED).flatMap(([name, event]) =>
      sample(name as keyof typeof COUNTED, counts[event] ?? 0),
    ),
    ...byKind('links_closed_total', Object.fromEntries(closed)),
    ...byKind('overlay_events_total', counts),
  ];
}

export function ofMeasures({ entries, spared, history, seen, ...of }: MeasuresView): Sample[] {
  return [
    ...samples({
      policies_in_force: of.policiesInForce,
      policies_unreadable: of.policiesUnreadable,
      remotes: of.remotes,
      flows_given_up_total: of.flowsGivenUp,
      port_mapped: of.portMapped,
      store_writable: of.storeWritable,
      history_writable: history && history.problem === undefined,
      history_bytes: history?.bytes,
      history_rows: history?.rows,
      history_folded_total: history?.folded,
      history_damaged: history?.damaged,
      seen_written_bytes_total: seen?.written,
      seen_waiting_bytes: seen?.waiting.bytes,
      seen_dropped_total: seen?.dropped,
    }),
    ...byKind('enforced_entries', { ...entries }),
    ...byKind('spared_entries', spared),
    ...byKind('nodes_given_up_total', of.nodesGivenUp),
    ...ofOverlay(of.overlay),
  ];
}

export function ofDevices(devices: readonly DeviceView[]): Sample[] {
  return devices.flatMap(({ id, label, bytes, router, internetBlockedBy }) =>
    samples(
      {
        device_sent_bytes_total: bytes?.up,
        device_received_bytes_total: bytes?.down,
        device_present: router !== undefined,
        device_internet_blocked: internetBlockedBy.length > 0,
      },
      { device: label, id: id.slice(0, 8) },
    ),
  );
}
