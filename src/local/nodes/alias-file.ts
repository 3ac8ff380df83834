import { SEEN, type SeenStore } from '../../store/seen-store.ts';
import type { Aliases } from './aliases.ts';
import { decodeId, decodeNumber, encodeId, encodeNumber } from './node-memory.ts';

const ALIAS = `${SEEN.nodes}!a`;
const NEXT = `${SEEN.nodes}!n`;

/** The aliases of nodes in the store, each under its number, and which number a later run may begin with. */
export class AliasFile {
  readonly #aliases: Aliases;
  readonly #store: SeenStore;
  #reserved = 0;

  constructor(aliases: Aliases, store: SeenStore) {
    this.#aliases = aliases;
    this.#store = store;
  }

  /** Whether a key is one of these. */
  has(key: string): boolean {
    return key === NEXT || key.startsWith(ALIAS);
  }

  /** Takes up one value of before a restart. */
  load(key: string, value: Uint8Array): 'alias' | 'next' | 'newer' | 'rubbish' {
    if (key === NEXT) {
      const next = decodeNumber(key, value);
      if (typeof next === 'string') return next;
      this.#aliases.resume(next);
      return 'next';
    }
    const digits = key.slice(ALIAS.length);
    const named = /^[0-9a-f]{8}$/.test(digits) ? decodeId(key, value) : 'rubbish';
    if (typeof named === 'string') return named;
    return this.#aliases.restore(Number.parseInt(digits, 16), named.id) ? 'alias' : 'rubbish';
  }

  /** Puts what was given and given up since the last call; answers whose, and how many values were put. */
  write(): { readonly ids: readonly string[]; readonly values: number } {
    const ids: string[] = [];
    const changed = this.#aliases.takeChanged();
    for (const number of changed) {
      const key = ALIAS + number.toString(16).padStart(8, '0');
      const id = this.#aliases.nodeOf(number);
      if (id === undefined) this.#store.del(key);
      else {
        this.#store.put(key, encodeId(key, id));
        ids.push(id);
      }
    }
    return { ids, values: changed.size };
  }

  /**
   * Reserves numbers ahead, so that those which are given from now on are not given again however this run ends. True when
   * that has to reach the disk soon.
   */
  reserve(): boolean {
    if (this.#aliases.reserved <= this.#reserved) return false;
    this.#reserved = this.#aliases.reserved;
    this.#store.put(NEXT, encodeNumber(NEXT, this.#reserved));
    return true;
  }

  /** This run ends in order: the next one goes on where it was. */
  end(): void {
    this.#store.put(NEXT, encodeNumber(NEXT, this.#aliases.next));
  }
}
