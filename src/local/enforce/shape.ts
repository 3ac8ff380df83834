import type { Mac, Owner } from '../../policy/block-set.ts';

/** What an owner's chain may ask for beyond `r` and `E`. A kind costs packets only of owners that use it. */
export type Kind = 'a' | 'an' | 'n' | 'internet' | 'lan';

/** What the chains must know of the owner in a slot. */
export interface SlotShape {
  readonly macs: ReadonlySet<Mac>;
  /** An address or MAC of it belongs to another owner too: the other's rules must be asked as well. */
  readonly shared: boolean;
  readonly kinds: ReadonlySet<Kind>;
}

/** All that the chains depend on; elements of sets are not part of it. */
export interface Shape {
  /** Interfaces towards the internet, possibly none. */
  readonly wan: readonly string[];
  readonly slots: ReadonlyMap<number, SlotShape>;
}

/** The kinds that an owner uses, the same for both families. */
export function kindsOf(owner: Owner): ReadonlySet<Kind> {
  const used: [Kind, boolean][] = [
    ['a', owner.exceptions.size > 0],
    ['an', owner.exceptedNetworks.size > 0],
    ['n', owner.networks.size > 0],
    ['internet', owner.internet !== undefined],
    ['lan', owner.lan !== undefined],
  ];
  return new Set(used.flatMap(([kind, uses]) => (uses ? [kind] : [])));
}

/** True if packets of the owner have to be looked at wherever they go (the sets W and w), not only those to a remote in R. */
export function isWide(kinds: ReadonlySet<Kind>): boolean {
  return kinds.has('n') || kinds.has('internet') || kinds.has('lan');
}

/** The shape whose chains ask for the owners of both; of a slot in both it has the MACs and the kinds of both. */
export function union(a: Shape, b: Shape): Shape {
  const slots = new Map<number, SlotShape>(a.slots);
  for (const [slot, mine] of b.slots) {
    const other = slots.get(slot);
    slots.set(slot, {
      macs: new Set([...mine.macs, ...(other?.macs ?? [])]),
      shared: mine.shared || (other?.shared ?? false),
      kinds: new Set([...mine.kinds, ...(other?.kinds ?? [])]),
    });
  }
  return { wan: b.wan, slots };
}

/** The shape in which the slots that `shared` names ask on after their own chain, so that no owner hides another. */
export function sharing(shape: Shape, shared: (slot: number) => boolean): Shape {
  return mapSlots(shape, (one, slot) => ({ ...one, shared: one.shared || shared(slot) }));
}

/** The shape in which a slot also asks for the exceptions that it has in the other one. */
export function exceptingLike(shape: Shape, other: Shape): Shape {
  return mapSlots(shape, (one, slot) =>
    other.slots.get(slot)?.kinds.has('a') ? { ...one, kinds: new Set([...one.kinds, 'a']) } : one,
  );
}

function mapSlots(shape: Shape, change: (one: SlotShape, slot: number) => SlotShape): Shape {
  return {
    wan: shape.wan,
    slots: new Map([...shape.slots].map(([slot, one]) => [slot, change(one, slot)])),
  };
}

/** So many owners that are gone may keep their chains, so that an owner that comes and goes costs no new chains. */
const LINGER = 16;

/**
 * The chains of the old shape may stay: they do all that the new ones would, and few of them are idle. An idle one
 * asks for no kind: `internet` and `lan` would go on blocking by MAC, and the door for wide owners costs every packet. By
 * its MACs an idle one still asks for E, which the home's devices are blocked from anyhow.
 */
export function lingers(now: Shape, want: Shape): boolean {
  const idle = [...now.slots.keys()].filter((slot) => !want.slots.has(slot));
  if (idle.length > LINGER || now.wan.join(' ') !== want.wan.join(' ')) return false;
  if (idle.some((slot) => now.slots.get(slot)?.kinds.size !== 0)) return false;
  const idleMacs = new Set(idle.flatMap((slot) => [...(now.slots.get(slot)?.macs ?? [])]));
  for (const [slot, shape] of want.slots) {
    const there = now.slots.get(slot);
    if (there === undefined || !sameSlot(there, shape)) return false;
    if (idleMacs.size > 0 && !idleMacs.isDisjointFrom(shape.macs)) return false;
  }
  return true;
}

/** True if the chains of both are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.slots.size !== b.slots.size || a.wan.join(' ') !== b.wan.join(' ')) return false;
  return a.slots.entries().every(([slot, one]) => {
    const other = b.slots.get(slot);
    return other !== undefined && sameSlot(one, other);
  });
}

/** True if the chains ask the same of both. */
export function sameSlot(a: SlotShape, b: SlotShape): boolean {
  if (a === b) return true;
  return a.shared === b.shared && sameMembers(a.macs, b.macs) && sameMembers(a.kinds, b.kinds);
}

/** True if both sets have the same members. */
export function sameMembers<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): boolean {
  return a === b || (a.size === b.size && a.isSubsetOf(b));
}
