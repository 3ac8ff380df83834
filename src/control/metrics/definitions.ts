/** One metric. Names are in base units (seconds, bytes); what only grows is a counter and ends in `_total`. */
export interface Definition {
  readonly kind: 'gauge' | 'counter';
  readonly help: string;
  readonly labels: readonly string[];
}

const gauge = (help: string, ...labels: string[]): Definition => ({ kind: 'gauge', help, labels });
const counter = (help: string, ...labels: string[]): Definition => ({ kind: 'counter', help, labels });

/** Everything that Hedgerow measures, by name without the prefix. docs/metrics.md says the same; a test compares them. */
export const METRICS = {
  info: gauge('Always 1; what this router is called and what puts its blocks in force.', 'router', 'backend'),
  uptime_seconds: gauge('Since this agent was ready.'),
  ready_seconds: gauge('From the start of the process until the policy was in force.'),
  resident_memory_bytes: gauge('Memory of the process.'),
  heap_used_bytes: gauge('Memory of JavaScript objects.'),
  cpu_seconds_total: counter('Processor time of the process.'),
  event_loop_delay_p99_seconds: gauge('How late timers are, over the last minute: 99 of 100 are less.'),
  event_loop_delay_max_seconds: gauge('How late timers are, over the last minute, at most.'),
  problems: gauge('How many things are wrong; hedgerow status names them.'),
  clock_trusted: gauge('1 when this router knows what time it is.'),
  policies: gauge('Live policies of the home.'),
  policies_in_force: gauge('Those whose time it is now.'),
  policies_unreadable: gauge('Policies that cannot be read from the disk.'),
  ops: gauge('Changes of the home that this router holds.'),
  changes_refused_total: counter('Changes refused here because there were too many in a short time.'),
  members: gauge('Routers of the home, this one among them.'),
  members_alive: gauge('Those that are alive or no more than suspect, this one among them.'),
  members_in_step: gauge('Those that hold the same changes, this one among them.'),
  peers: gauge('Other routers, by state.', 'state'),
  peer_up: gauge('1 when the other router is alive or no more than suspect.', 'peer', 'id'),
  peer_heard_by_others: gauge('1 when other routers hear it and this one does not.', 'peer', 'id'),
  peer_in_step: gauge('1 when it holds the same changes.', 'peer', 'id'),
  peer_applied: gauge('1 when its kernel holds the same policy.', 'peer', 'id'),
  peer_state_seconds: gauge('For how long it has been so.', 'peer', 'id'),
  peer_round_trip_seconds: gauge('Round trip of its last keep-alive.', 'peer', 'id'),
  peer_changes_behind: gauge('Changes held here less those held there; below 0 it is ahead.', 'peer', 'id'),
  peer_tolerance_seconds: gauge('How long this router waits for it.', 'peer', 'id'),
  peer_their_tolerance_seconds: gauge('How long it waits for this router.', 'peer', 'id'),
  peer_clock_ahead_seconds: gauge('By how much its clock is ahead of ours.', 'peer', 'id'),
  peer_link_up: gauge('1 when there is a connection with it.', 'peer', 'id'),
  peer_link_wanted: gauge('1 when there is to be a connection with it.', 'peer', 'id'),
  peer_received_bytes_total: counter('Received from it.', 'peer', 'id'),
  peer_sent_bytes_total: counter('Sent to it.', 'peer', 'id'),
  links: gauge(
    'Other routers by why there is a connection with them or none (hedgerow peers --wide).',
    'reason',
  ),
  links_closed_total: counter('Connections that this router has closed, by reason.', 'reason'),
  peers_suspected_total: counter('Times that a router was suspected.'),
  peers_down_total: counter('Times that a router was called down.'),
  peers_witnessed_total: counter(
    'Times that only the word of another router kept one from being called down.',
  ),
  second_dials_total: counter('Second connections that were dialled beside one that had gone silent.'),
  mdns_found_total: counter('Routers of the home found by mDNS, each time that one is heard.'),
  suspended_total: counter('Times that this machine had slept, and nobody was called down for it.'),
  port_mapped: gauge('1 when a port of the gateway leads here (p2p.portMapping).'),
  overlay_events_total: counter('What happened between the routers, by kind.', 'event'),
  enforcing: gauge('1 when the kernel of this router holds what should be blocked.'),
  enforced_entries: gauge('What should be in the kernel now, by kind.', 'kind'),
  spared_entries: gauge('What policies cover and is not blocked, by reason.', 'reason'),
  enforcement_failures_total: counter('Times that the kernel could not be brought up to date.'),
  drift_repairs_total: counter(
    'Times that something else had changed our part of the kernel and it was put right.',
  ),
  dropped_packets_total: counter('Packets that blocks have dropped.'),
  dropped_bytes_total: counter('Bytes that blocks have dropped.'),
  tracking: gauge('1 when the kernel shows connections, so that flows are seen.'),
  flows: gauge('Flows that are known now.'),
  flows_given_up_total: counter('Flows given up because there were too many.'),
  devices: gauge('Devices that this router knows.'),
  remotes: gauge('Other nodes that it knows.'),
  nodes_given_up_total: counter(
    'Nodes and addresses given up or refused because there were too many.',
    'what',
  ),
  source_running: gauge('1 when a source of what is seen runs.', 'source'),
  source_restarts_total: counter('Times that it had to be started again.', 'source'),
  source_read_total: counter('Frames, messages, lines or readings that it has read.', 'source'),
  source_dropped_total: counter('What it has dropped because there was too much.', 'source'),
  listener_active_connections: gauge('Connections that are there now.', 'listener', 'address'),
  listener_connections_total: counter('Connections that were accepted.', 'listener', 'address'),
  listener_refused_total: counter('Connections that were turned away.', 'listener', 'address'),
  listener_gave_way_total: counter(
    'Connections that were ended so that others found a place.',
    'listener',
    'address',
  ),
  listener_received_bytes_total: counter('Received from clients.', 'listener', 'address'),
  listener_sent_bytes_total: counter('Sent to clients.', 'listener', 'address'),
  store_writable: gauge('1 when the policy can be written to the disk.'),
  history_writable: gauge('1 when what is seen can be kept.'),
  history_bytes: gauge('History of flows on disk.'),
  history_rows: gauge('Rows of it that wait to be written.'),
  history_folded_total: counter('Rows folded into those of others because there were too many.'),
  history_damaged: gauge('Values of it that are not what was written.'),
  seen_written_bytes_total: counter('Given to the disk for totals and nodes: flash wears.'),
  seen_waiting_bytes: gauge('Waiting to be written for totals and nodes.'),
  seen_dropped_total: counter('Writes of totals and nodes that were given up.'),
  counts: gauge(
    'What each part counts, in its own words; some are of now, or begin anew with every reading.',
    'part',
    'what',
  ),
  device_sent_bytes_total: counter('Sent by a device, over all routers that can be reached.', 'device', 'id'),
  device_received_bytes_total: counter('Received by a device, likewise.', 'device', 'id'),
  device_present: gauge('1 when a device is behind a router now.', 'device', 'id'),
  device_internet_blocked: gauge('1 when it is kept from the internet.', 'device', 'id'),
} satisfies Readonly<Record<string, Definition>>;

export type MetricName = keyof typeof METRICS;

/** Those that are there only when they are asked for: they name devices. */
export function isOfDevices(name: string): boolean {
  return name.startsWith('device_');
}

/** One value of a metric. */
export interface Sample {
  readonly name: MetricName;
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}
