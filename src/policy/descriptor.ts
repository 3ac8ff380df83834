import type { Address, Mac, NodeId } from './block-set.ts';

/** An address of a node. A private IPv4 address means something only inside its segment. */
export interface Binding {
  readonly address: Address;
  /** `router/interface[/vlan]` for the addresses of devices; absent for remotes. */
  readonly segment?: string | undefined;
}

/** What is known of a node: by one router (a register) or by all of them together. */
export interface Descriptor {
  readonly node: NodeId;
  /** A device is a node of the home with a MAC; everything else is a remote. */
  readonly device: boolean;
  readonly macs: readonly Mac[];
  readonly addresses: readonly Binding[];
  /** Lower-case, no trailing dot. */
  readonly domains: readonly string[];
  /** Host names and the like, as the node itself gave them. */
  readonly names: readonly string[];
}
