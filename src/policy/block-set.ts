/** Canonical address text: IPv4 dotted decimal, IPv6 as RFC 5952, no zone. */
export type Address = string;
/** Lower-case, colon-separated, 17 characters. */
export type Mac = string;
/** Canonical CIDR text, host bits zero. */
export type Prefix = string;
/** 32 lower-case hex digits; see identity.ts. */
export type NodeId = string;
/** `<op id, 64 hex digits>/<index>`. */
export type RecordId = string;

/** The records that want it so; never empty. */
export type Wanted = readonly RecordId[];

/** A device for which something is blocked. The unit that a backend enforces for. */
export interface Owner {
  readonly id: NodeId;
  /** The device's own addresses here. */
  readonly addresses: ReadonlySet<Address>;
  readonly macs: ReadonlySet<Mac>;
  /** Far addresses blocked for this device. */
  readonly remotes: ReadonlyMap<Address, Wanted>;
  /** Networks blocked for this device; prefixes may lie inside each other. */
  readonly networks: ReadonlyMap<Prefix, Wanted>;
  /** Everything outside the home's prefixes is blocked for it. */
  readonly internet: Wanted | undefined;
  /** Everything inside the home's prefixes is blocked for it. */
  readonly lan: Wanted | undefined;
  /** Far addresses that pass all the same, whatever else is blocked, for everyone too. No address is in `remotes` as well. */
  readonly exceptions: ReadonlyMap<Address, Wanted>;
  /** Networks that pass although a wider network, `internet` or `lan` is blocked; blocked addresses in them stay blocked. */
  readonly exceptedNetworks: ReadonlyMap<Prefix, Wanted>;
}

/** An owner for which nothing is blocked, to be filled in. */
export const freeOwner = {
  remotes: new Map(),
  networks: new Map(),
  internet: undefined,
  lan: undefined,
  exceptions: new Map(),
  exceptedNetworks: new Map(),
} satisfies Partial<Owner>;

/** The id of the owner that is this router itself; no node's id looks like it. */
export const ROUTER: NodeId = 'router';

/** Why something that a policy covers is not in the block set. */
export interface Spared {
  readonly record: RecordId;
  readonly address: Address | Prefix;
  readonly why: 'guard' | 'cap';
}

/**
 * What the kernel of this router should block, whole; the output of `decide` and the only input of a backend.
 * Immutable. Sets keep insertion order, which means nothing.
 */
export interface BlockSet {
  readonly owners: ReadonlyMap<NodeId, Owner>;
  /** Far addresses blocked for every device of the home (the set E of the ipset backend). */
  readonly everyone: ReadonlyMap<Address, Wanted>;
  /** The home's prefixes (H). */
  readonly home: ReadonlySet<Prefix>;
  /** What is never blocked (U). */
  readonly guard: ReadonlySet<Prefix>;
  /** Every known address of every device (K): a source outside it is looked up by its MAC. */
  readonly known: ReadonlySet<Address>;
  readonly spared: readonly Spared[];
  /**
   * What is blocked for this router itself (its id: {@link ROUTER}), whose packets are not forwarded; absent where no policy
   * is about that. `everyone` is not about it, and `lan` is never blocked for it.
   */
  readonly own?: Owner | undefined;
}

export const emptyBlockSet: BlockSet = {
  owners: new Map(),
  everyone: new Map(),
  home: new Set(),
  guard: new Set(),
  known: new Set(),
  spared: [],
};
