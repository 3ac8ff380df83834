import type { PeerKey } from '../../policy/crypto.ts';
import { isOutside, type PeerAddress, parseAddress } from '../addresses.ts';
import { rankOf, sampleSize } from './peer-sample.ts';

/**
 * How we came to know an address: the peer answered there · its card says so · it said so on a connection · its mDNS
 * announcement says so · a person wrote it into the config · the home file remembered it.
 */
export type AddressSource = 'answered' | 'card' | 'identify' | 'mdns' | 'config' | 'home';

/** One address of a peer. */
export interface KnownAddress {
  /** Multiaddr without a peer id. */
  readonly text: string;
  readonly outside: boolean;
  readonly sources: ReadonlySet<AddressSource>;
  /** Monotonic milliseconds; undefined when nobody answered there. */
  readonly answeredAt: number | undefined;
  /** When it last answered or was said, monotonic milliseconds. */
  readonly confirmedAt: number;
  /** Failed attempts since it last answered. */
  readonly failures: number;
}

export interface PeerDatabaseOptions {
  /** So many links are wanted in a large home. */
  readonly links: number;
  /** An address is kept so long without being confirmed, and as long again at the end of the list; milliseconds. */
  readonly leaseMs?: number;
  /** So often links are drawn anew, milliseconds. */
  readonly redrawMs: number;
  /** 0 ≤ random < 1. */
  readonly random: () => number;
}

export const DEFAULT_LEASE_MS = 24 * 3_600_000;
const MAX_ADDRESSES = 8;
/** After so many failures in a row an address is no longer preferred for having answered. */
const STALE_FAILURES = 8;

interface Entry {
  /** Where the peer stands when not all can be kept. */
  readonly rank: number;
  addresses: Address[];
  /** What each source said last, to tell news from repetition. */
  readonly said: Map<AddressSource, Said>;
}

interface Said {
  readonly texts: readonly string[];
  readonly addresses: readonly PeerAddress[];
}

type Address = { -readonly [K in keyof KnownAddress]: KnownAddress[K] } & { sources: Set<AddressSource> };

/** What a peer says itself holds for as long as it is connected: it would have said something else. */
const ITS_OWN: readonly AddressSource[] = ['card', 'identify'];

/**
 * Where the members are: pure, told the time. An address is a lease: not confirmed for its time it goes to the end of its
 * peer's list, and after as long again out; the last one of a peer stays, or it could never be found again. Members are
 * known from the policy and never forgotten, only their addresses are.
 *
 * In a home too large to keep all, what is kept is a random sample of the peers (peer-sample.ts).
 */
export class PeerDatabase {
  readonly #leaseMs: number;
  readonly #max: number;
  readonly #seed: number;
  readonly #peers = new Map<PeerKey, Entry>();
  /** Addresses and peers that found no room. */
  dropped = 0;

  constructor({ links, leaseMs = DEFAULT_LEASE_MS, redrawMs, random }: PeerDatabaseOptions) {
    this.#leaseMs = leaseMs;
    this.#max = sampleSize(links, leaseMs, redrawMs);
    this.#seed = Math.floor(random() * 2 ** 32);
  }

  /** Peers of which an address is known. */
  get size(): number {
    return this.#peers.size;
  }

  /**
   * Somebody says where a peer listens; all that this source has to say. Repeating a card is no confirmation, because the
   * store holds it for ever; repeating anything else is. What cannot be dialled is left out. True when there was news.
   */
  said(peer: PeerKey, source: AddressSource, texts: readonly string[], now: number): boolean {
    const before = this.#peers.get(peer)?.said.get(source);
    const same = before !== undefined && isSame(before.texts, texts);
    if (same && source === 'card') return false;
    const said = same ? before : read(texts);
    if (before === undefined && said.addresses.length === 0) return false;
    const entry = this.#entry(peer, source === 'config');
    if (entry === undefined) return false;
    entry.said.set(source, said);
    // What it does not say of itself any more goes to the end.
    if (!same && ITS_OWN.includes(source)) for (const one of entry.addresses) one.sources.delete(source);
    const news = said.addresses.map((one) => this.#confirm(entry, one, source, now));
    this.#trim(peer, entry, now);
    return news.includes(true);
  }

  /** The peer answered there. */
  answered(peer: PeerKey, text: string, now: number): void {
    const parsed = parseAddress(text);
    const entry = parsed === undefined ? undefined : this.#entry(peer);
    if (parsed === undefined || entry === undefined) return;
    this.#confirm(entry, parsed, 'answered', now);
    const address = entry.addresses.find((one) => one.text === parsed.text);
    if (address !== undefined) {
      address.answeredAt = now;
      address.failures = 0;
    }
    this.#trim(peer, entry, now);
  }

  /** An attempt failed there. */
  failed(peer: PeerKey, text: string): void {
    const address = this.#peers.get(peer)?.addresses.find((one) => one.text === text);
    if (address !== undefined) address.failures += 1;
  }

  /** It is connected now: what it says of itself holds, and where it answered last. */
  confirm(peer: PeerKey, now: number): void {
    const entry = this.#peers.get(peer);
    if (entry === undefined) return;
    for (const source of ITS_OWN)
      for (const one of entry.said.get(source)?.addresses ?? []) this.#confirm(entry, one, source, now);
    const last = Math.max(...entry.addresses.map((one) => one.answeredAt ?? Number.NEGATIVE_INFINITY));
    for (const one of entry.addresses) if (one.answeredAt === last) one.confirmedAt = now;
    this.#trim(peer, entry, now);
  }

  /** Where to dial a peer, in this order. */
  addresses(peer: PeerKey, now: number): KnownAddress[] {
    const all = this.#peers.get(peer)?.addresses ?? [];
    if (all.length <= 1) return [...all];
    const rank = (one: KnownAddress) => [
      this.#isStale(one, now) ? 1 : 0,
      one.answeredAt === undefined || one.failures >= STALE_FAILURES ? 1 : 0,
      one.outside ? 1 : 0,
      -(one.answeredAt ?? Number.NEGATIVE_INFINITY),
    ];
    return all
      .map((one) => ({ one, rank: rank(one) }))
      .sort((a, b) => compare(a.rank, b.rank))
      .map(({ one }) => one);
  }

  /** The address to show of a peer. */
  best(peer: PeerKey, now: number): string | undefined {
    return this.addresses(peer, now)[0]?.text;
  }

  /** Drops what was not confirmed for two leases. To be called every now and then. */
  expire(now: number): void {
    for (const [peer, entry] of this.#peers) {
      const ordered = this.addresses(peer, now);
      const kept = new Set(
        ordered.filter(
          (one, i) => i === 0 || one.sources.has('config') || now - one.confirmedAt < 2 * this.#leaseMs,
        ),
      );
      entry.addresses = entry.addresses.filter((one) => kept.has(one));
    }
  }

  /** No member any more. */
  forget(peer: PeerKey): void {
    this.#peers.delete(peer);
  }

  #isStale(one: KnownAddress, now: number): boolean {
    return !one.sources.has('config') && (one.sources.size === 0 || now - one.confirmedAt >= this.#leaseMs);
  }

  /** True when it is a new one. */
  #confirm(entry: Entry, address: PeerAddress, source: AddressSource, now: number): boolean {
    const known = entry.addresses.find((one) => one.text === address.text);
    if (known !== undefined) {
      known.sources.add(source);
      known.confirmedAt = now;
      return false;
    }
    entry.addresses.push({
      text: address.text,
      outside: isOutside(address),
      sources: new Set([source]),
      answeredAt: undefined,
      confirmedAt: now,
      failures: 0,
    });
    return true;
  }

  /** The last in order make room; what is in the config stays. */
  #trim(peer: PeerKey, entry: Entry, now: number): void {
    if (entry.addresses.length <= MAX_ADDRESSES) return;
    const ordered = this.addresses(peer, now);
    const configured = ordered.filter((one) => one.sources.has('config'));
    const others = ordered.filter((one) => !one.sources.has('config'));
    const kept = new Set([...configured, ...others].slice(0, MAX_ADDRESSES));
    this.dropped += entry.addresses.length - kept.size;
    entry.addresses = entry.addresses.filter((one) => kept.has(one));
  }

  /** The entry of a peer; undefined when it is not in the sample. Whom a person wrote into the config is. */
  #entry(peer: PeerKey, configured = false): Entry | undefined {
    const known = this.#peers.get(peer);
    if (known !== undefined) return known;
    const entry: Entry = { rank: rankOf(this.#seed, peer), addresses: [], said: new Map() };
    if (this.#peers.size >= this.#max) {
      this.dropped += 1;
      const last = this.#last();
      if (!configured && (last === undefined || last.rank < entry.rank)) return undefined;
      if (last !== undefined) this.#peers.delete(last.peer);
    }
    this.#peers.set(peer, entry);
    return entry;
  }

  /** The last in rank, of those that no person wrote into the config. */
  #last(): { readonly peer: PeerKey; readonly rank: number } | undefined {
    let last: { peer: PeerKey; rank: number } | undefined;
    for (const [peer, { rank, said }] of this.#peers)
      if (!said.has('config') && (last === undefined || rank > last.rank)) last = { peer, rank };
    return last;
  }
}

function read(texts: readonly string[]): Said {
  const addresses = texts.slice(0, MAX_ADDRESSES).map((text) => parseAddress(text));
  return { texts: [...texts], addresses: addresses.filter((one) => one !== undefined) };
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [i, left] of a.entries()) {
    const right = b[i] ?? 0;
    if (left !== right) return left - right;
  }
  return 0;
}
