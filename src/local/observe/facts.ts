import type { Address, Mac } from '../../policy/block-set.ts';

/**
 * What the readers of this folder say. Everything in a fact is canonical (policy/address.ts) and owns its text: no
 * string of a fact is a slice of a parsed line or packet.
 */
export type Fact = NeighbourFact | AnswerFact | HostNameFact;

/** A MAC has an address on a segment: from the neighbour table, an ARP or DHCP frame, or a frame with a DNS question. */
export interface NeighbourFact {
  readonly kind: 'neighbour';
  /** `router/interface[/vlan]`. */
  readonly segment: string;
  readonly interface: string;
  readonly address: Address;
  readonly mac: Mac;
  /** False when the kernel says that it is no longer there. It keeps its address until another device takes it. */
  readonly present: boolean;
  /**
   * True for what was just learnt from the device itself: it takes the address from whoever had it. False for the
   * kernel's memory, which confirms a binding or begins one, and takes nothing from anyone.
   */
  readonly fresh: boolean;
  /** True for what the kernel had remembered already when it was first asked: it says where a device was, not that it is there. */
  readonly stale?: boolean | undefined;
}

/** A name stands for addresses: mostly a DNS answer that passed through this router. */
export interface AnswerFact {
  readonly kind: 'answer';
  /** How it is known; a DNS answer when absent. */
  readonly source?: AnswerSource | undefined;
  /** Who had asked. */
  readonly client?: Address | undefined;
  /** The name in the question. */
  readonly domain: string;
  /** The canonical names (CNAME) between the question and the addresses, in order. */
  readonly chain: readonly string[];
  readonly addresses: readonly Address[];
  /** The least time to live of the records on the way, seconds; 0 where the source does not tell. */
  readonly ttlS: number;
}

/**
 * `dns`: an answer on the wire. `log`: the resolver's log. `sni`: the name that the client gave to the server at this
 * address (TLS). That one is the client's own word, which no resolver stands for; of an encrypted ClientHello it is the
 * outer name, that of the provider.
 */
export type AnswerSource = 'dns' | 'log' | 'sni';

/** What a device calls itself. Foreign text: at most 63 printable characters. */
export interface HostNameFact {
  readonly kind: 'hostName';
  readonly mac: Mac;
  readonly name: string;
  readonly source: HostNameSource;
}

export type HostNameSource = 'dhcp' | 'lease' | 'mdns';

/** Where a reader puts its facts. Returns at once and never throws. */
export type FactSink = (fact: Fact) => void;

/** A host name fit to be shown (no control, format or bidirectional characters); undefined when nothing is left. */
export function cleanHostName(text: string): string | undefined {
  const name = text
    .slice(0, 255)
    .replaceAll(/[\p{C}\p{Z}\uFFFD]+/gu, ' ')
    .trim()
    .replace(/\.(local|lan|home)\.?$/i, '');
  if (name.length === 0 || name === '*') return undefined;
  return ownText(Array.from(name).slice(0, 63).join(''));
}

/** A copy that shares no memory with the text it was cut from: V8 keeps the whole line alive for a slice of it. */
export function ownText(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

/** What a source of facts tells of itself. */
export interface SourceHealth {
  readonly name: string;
  readonly running: boolean;
  readonly restarts: number;
  /** What was read, ignored and dropped since the start, by kind. */
  readonly counters: Readonly<Record<string, number>>;
  readonly lastError?: string | undefined;
}
