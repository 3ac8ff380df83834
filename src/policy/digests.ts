import type { Chain } from './chains.ts';
import { type Crypto, fromHex, type PeerKey, toHex } from './crypto.ts';
import type { Ledger } from './ledger.ts';

const NOTHING = new Uint8Array(0);

/**
 * The hashes by which replicas compare what counts (policy.md, "Digest"), each worked out when it is asked for. A router
 * begins a chain with every start, thousands in its life: of these only what has changed is put together anew.
 */
export class Digests {
  readonly #ledger: Ledger;
  readonly #crypto: Crypto;
  /** What a chain adds to its peer's digest: run, number of heads (4 bytes, big-endian), heads in order. */
  readonly #lines = new Map<Chain, Uint8Array>();
  /** Of each peer the chains in order of their runs. */
  readonly #sorted = new Map<PeerKey, readonly Chain[]>();
  readonly #peers = new Map<PeerKey, string>();
  #whole: string | undefined;

  constructor(ledger: Ledger, crypto: Crypto) {
    this.#ledger = ledger;
    this.#crypto = crypto;
  }

  /** The heads of a chain are others now. */
  changed(chain: Chain): void {
    this.#lines.delete(chain);
    this.#peers.delete(chain.peer);
    this.#whole = undefined;
  }

  allChanged(): void {
    this.#lines.clear();
    this.#peers.clear();
    this.#whole = undefined;
  }

  /** SHA-256 over the keys and digests of all peers with counted ops, in order of their keys. */
  get whole(): string {
    this.#whole ??= this.#hash(
      [...this.byPeer()]
        .map(([peer, digest]) => peer + digest)
        .sort()
        .map(bytesOf),
    );
    return this.#whole;
  }

  /** Of each peer with counted ops: SHA-256 over its actors, in order of their runs. */
  byPeer(): ReadonlyMap<PeerKey, string> {
    for (const peer of this.#ledger.chains.peers()) {
      if (this.#peers.has(peer)) continue;
      const lines = this.#chainsOf(peer).map((chain) => this.#lineOf(chain));
      if (lines.some((line) => line.length > 0)) this.#peers.set(peer, this.#hash(lines));
    }
    return this.#peers;
  }

  #chainsOf(peer: PeerKey): readonly Chain[] {
    const known = this.#sorted.get(peer);
    if (known?.length === this.#ledger.chains.countOf(peer)) return known;
    const sorted = [...this.#ledger.chains.of(peer)].sort((x, y) => (x.run < y.run ? -1 : 1));
    this.#sorted.set(peer, sorted);
    return sorted;
  }

  /** Empty for a chain of which nothing counts. */
  #lineOf(chain: Chain): Uint8Array {
    const known = this.#lines.get(chain);
    if (known !== undefined) return known;
    const ids = [...chain.heads].map((n) => this.#ledger.idOf(n)).sort();
    const count = ids.length.toString(16).padStart(8, '0');
    const line = ids.length === 0 ? NOTHING : bytesOf(chain.run + count + ids.join(''));
    this.#lines.set(chain, line);
    return line;
  }

  #hash(lines: readonly Uint8Array[]): string {
    const whole = new Uint8Array(lines.reduce((sum, line) => sum + line.length, 0));
    let at = 0;
    // Not as arguments of a call: a peer may have begun more chains than a call takes.
    for (const line of lines) {
      whole.set(line, at);
      at += line.length;
    }
    return toHex(this.#crypto.sha256(whole));
  }
}

function bytesOf(hex: string): Uint8Array {
  return fromHex(hex) ?? NOTHING;
}
