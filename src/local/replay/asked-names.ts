import type { Address, NodeId } from '../../policy/block-set.ts';

/** More names than this in a capture are counted and not kept. */
const MAX_NAMES = 50_000;
/** The addresses of a name that are kept, the first ones. */
const MAX_ADDRESSES = 64;

/** A name that a device asked for. */
export interface AskedName {
  readonly domain: string;
  /** Questions, and answers with addresses. */
  readonly asked: number;
  readonly answered: number;
  readonly addresses: ReadonlySet<Address>;
}

interface Kept {
  domain: string;
  asked: number;
  answered: number;
  addresses: Set<Address>;
}

/** Which device asked for which names, and what it was told. Bounded. */
export class AskedNames {
  readonly #byDevice = new Map<NodeId, Map<string, Kept>>();
  #size = 0;
  /** Questions and answers about names for which there was no room. */
  dropped = 0;

  asks(device: NodeId, domain: string): void {
    const name = this.#name(device, domain);
    if (name !== undefined) name.asked += 1;
  }

  told(device: NodeId, domain: string, addresses: readonly Address[]): void {
    const name = this.#name(device, domain);
    if (name === undefined) return;
    name.answered += 1;
    for (const address of addresses) if (name.addresses.size < MAX_ADDRESSES) name.addresses.add(address);
  }

  /** In the order of the first question. */
  of(device: NodeId): readonly AskedName[] {
    return [...(this.#byDevice.get(device)?.values() ?? [])];
  }

  #name(device: NodeId, domain: string): Kept | undefined {
    const names = this.#byDevice.get(device) ?? new Map<string, Kept>();
    const known = names.get(domain);
    if (known !== undefined) return known;
    if (this.#size >= MAX_NAMES) {
      this.dropped += 1;
      return undefined;
    }
    const name: Kept = { domain, asked: 0, answered: 0, addresses: new Set() };
    this.#size += 1;
    this.#byDevice.set(device, names.set(domain, name));
    return name;
  }
}
