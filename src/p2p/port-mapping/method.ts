import type { Address } from '../../policy/block-set.ts';

/** What the gateway is asked for: that connections to a port of its own reach us. TCP, IPv4. */
export interface Wish {
  readonly gateway: Address;
  readonly internalPort: number;
  /** What it had before, or would have best; the gateway may choose another. */
  readonly externalPort: number;
  /** When the gateway shall forget it by itself, milliseconds; never for ever. */
  readonly leaseMs: number;
}

/** What the gateway granted. */
export interface Mapping extends Wish {
  readonly externalAddress: Address;
}

/** A protocol that gateways are asked with. */
export interface Method {
  readonly name: 'UPnP' | 'PCP' | 'NAT-PMP';
  /** Asks for a mapping, or for its lease anew. Rejects with the reason in words; ends with the signal. */
  map(wish: Wish, signal: AbortSignal): Promise<Mapping>;
  /** Gives a mapping back. Rejects with the reason in words; ends with the signal. */
  unmap(mapping: Mapping, signal: AbortSignal): Promise<void>;
}

/** A lease in the whole seconds of all these protocols; 0 would mean to end it, or for ever. */
export function leaseSeconds(leaseMs: number): number {
  return Math.max(1, Math.round(leaseMs / 1_000));
}
