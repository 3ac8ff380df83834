import { ignoredNodes } from '../commands/ignore.ts';
import type { Parts } from '../parts.ts';

/** One flow as a person is shown it. Bytes and packets are undefined where the kernel did not count. */
export interface FlowView {
  readonly device: { readonly id: string; readonly label: string };
  readonly other: { readonly id: string; readonly label: string };
  /** tcp, udp, icmp … or the number. */
  readonly protocol: string;
  readonly port: number;
  readonly up: { readonly packets: number; readonly bytes: number } | undefined;
  readonly down: { readonly packets: number; readonly bytes: number } | undefined;
  /** The totals are a lower bound. */
  readonly partial: boolean;
  readonly connections: number;
  /** Somebody chose to ignore one of the two: shown only when all are asked for. */
  readonly ignored: boolean;
  readonly seenSecondsAgo: number;
}

const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [47, 'gre'],
  [58, 'icmpv6'],
  [132, 'sctp'],
]);

/** The live flows of this router, the busiest first; with `all` also those of ignored nodes. */
export function flowsView(parts: Parts, { top, all }: { top: number; all: boolean }): FlowView[] {
  const ignored = ignoredNodes(parts);
  const isIgnored = (flow: { device: string; other: string }) =>
    ignored.has(flow.device) || ignored.has(flow.other);
  const now = parts.clock.monotonic();
  const label = (id: string) => {
    const kind = parts.cache.descriptor(id)?.device === true ? 'device' : 'remote';
    return parts.directory.label({ kind, id });
  };
  const bytes = (flow: { up?: { bytes: number } | undefined; down?: { bytes: number } | undefined }) =>
    (flow.up?.bytes ?? 0) + (flow.down?.bytes ?? 0);
  return [...parts.flows.flows()]
    .filter((flow) => all || !isIgnored(flow))
    .sort((x, y) => bytes(y) - bytes(x))
    .slice(0, top)
    .map((flow) => ({
      device: { id: flow.device, label: label(flow.device) },
      other: { id: flow.other, label: label(flow.other) },
      protocol: PROTOCOLS.get(flow.protocol) ?? String(flow.protocol),
      port: flow.port,
      up: flow.up,
      down: flow.down,
      partial: flow.partial,
      connections: flow.entries,
      ignored: isIgnored(flow),
      seenSecondsAgo: Math.max(0, Math.round((now - flow.lastSeen) / 1000)),
    }));
}
