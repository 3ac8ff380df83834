import { canonicalAddress } from '../../policy/address.ts';
import type { Address } from '../../policy/block-set.ts';
import { ownText } from './facts.ts';

const MAX_KNOWN = 65_536;
const MAX_TEXT = 64;

/**
 * Canonical addresses, each text once: the same few come again in every reading, and a slice of a line must not keep
 * the line alive. When full, it begins anew.
 */
export class AddressReader {
  readonly #known = new Map<string, Address>();

  /** The canonical address; undefined for anything else. */
  read(text: string): Address | undefined {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    if (text.length > MAX_TEXT) return undefined;
    const address = canonicalAddress(text);
    if (address === undefined) return undefined;
    const own = ownText(address);
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(text === own ? own : ownText(text), own);
    return own;
  }
}
