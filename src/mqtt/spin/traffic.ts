import type { Asked, Dropped, Moved } from '../../control/recent.ts';
import type { NumberedNode } from '../../control/views/numbers.ts';
import type { Message } from '../link.ts';

/** The nodes that clients have been told of, by id. */
export type KnownNodes = (id: string) => NumberedNode | undefined;

/** Flows in one message; the busiest. */
const MAX_FLOWS = 500;
/** Questions for names in one second. */
const MAX_QUERIES = 50;
/** Pairs of which drops wait to be told. */
const MAX_PAIRS = 256;
const ICMP = [1, 58];

/** A command on SPIN/traffic; never retained. */
export function command(name: string, rest: object = {}): Message {
  return { topic: 'SPIN/traffic', payload: JSON.stringify({ command: name, ...rest }) };
}

/**
 * What was added to flows, both directions together as with SPIN; nothing when nothing moved. Flows with what nobody was told
 * of are left out, also of the sums.
 */
export function trafficOf(moved: readonly Moved[], known: KnownNodes, nowMs: number): Message | undefined {
  const flows = moved
    .flatMap(({ device, other, protocol, port, up, down, ignored }) => {
      const [from, to] = [known(device), known(other)];
      if (ignored || from === undefined || to === undefined || from.alias === to.alias) return [];
      return [
        {
          from: from.alias,
          to: to.alias,
          protocol,
          // One flow has many connections: the ports that they come from are nobody's business.
          from_port: 0,
          to_port: ICMP.includes(protocol) ? 0 : port,
          size: (up?.bytes ?? 0) + (down?.bytes ?? 0),
          count: (up?.packets ?? 0) + (down?.packets ?? 0),
        },
      ];
    })
    .sort((x, y) => y.size - x.size);
  if (flows.length === 0) return undefined;
  return command('traffic', {
    argument: '',
    result: {
      flows: flows.slice(0, MAX_FLOWS),
      timestamp: Math.floor(nowMs / 1000),
      total_size: flows.reduce((sum, { size }) => sum + size, 0),
      total_count: flows.reduce((sum, { count }) => sum + count, 0),
    },
  });
}

/** Names that devices asked for and that stand for a node, each once. */
export function queriesOf(asked: readonly Asked[], known: KnownNodes): Message[] {
  const messages = new Map<string, Message>();
  for (const { device, domain, node } of asked) {
    if (messages.size >= MAX_QUERIES) break;
    const [from, queried] = [known(device), known(node ?? '')];
    if (from === undefined || queried === undefined || from.ignored || queried.ignored) continue;
    const result = { from: from.alias, queriednode: queried.alias, query: `${domain}.` };
    const message = command('dnsquery', { result });
    messages.set(message.payload, message);
  }
  return [...messages.values()];
}

/**
 * What blocks dropped: SPIN says it packet by packet, here it is gathered, and once a second one pair is told of, the one that
 * has waited longest.
 */
export class Drops {
  readonly #waiting = new Map<string, { device: string; other: string; packets: number; bytes: number }>();
  /** Pairs for which there was no room. */
  dropped = 0;

  /** The ids of the nodes that wait to be told of. */
  *nodes(): Generator<string> {
    for (const { device, other } of this.#waiting.values()) yield* [device, other];
  }

  add(news: readonly Dropped[]): void {
    for (const { device, other, packets, bytes } of news) {
      const key = `${device} ${other}`;
      const before = this.#waiting.get(key);
      if (before !== undefined) {
        before.packets += packets;
        before.bytes += bytes;
      } else if (this.#waiting.size < MAX_PAIRS) this.#waiting.set(key, { device, other, packets, bytes });
      else this.dropped += 1;
    }
  }

  /** The next pair; those with an end that is no node, or nobody was told of, are passed over. */
  take(known: KnownNodes): Message | undefined {
    for (const [key, { device, other, packets, bytes }] of this.#waiting) {
      this.#waiting.delete(key);
      const [from, to] = [known(device), known(other)];
      if (from === undefined || to === undefined || from.ignored || to.ignored) continue;
      // The kernel counts drops of a pair, whatever the service.
      const service = { protocol: 0, from_port: 0, to_port: 0 };
      return command('blocked', {
        result: { from: from.alias, to: to.alias, ...service, size: bytes, count: packets },
      });
    }
    return undefined;
  }
}
