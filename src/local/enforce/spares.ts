import { withEmpty } from './plan.ts';
import type { Rulebook } from './rulebook.ts';
import { lingers, type SlotShape } from './shape.ts';

/** So many slots stand ready without an owner; fewer than may linger (plan.ts). */
const SPARES = 8;
const NOBODY: SlotShape = { macs: new Set(), shared: false, kinds: new Set() };

/**
 * A rulebook with chains and empty sets for owners to come. New chains take iptables-restore tens of milliseconds, and
 * a router that hears of a block before it has seen the device should not have to wait for them. While the chains
 * that stand will do, they stay as they are; when they have to change anyhow the spare slots are filled up.
 */
export function withSpares(want: Rulebook, now: Rulebook | undefined): Rulebook {
  if (now !== undefined && lingers(now.shape, want.shape)) return want;
  const slots = new Map(want.shape.slots);
  for (let slot = 0, spares = 0; spares < SPARES; slot++) {
    if (slots.has(slot)) continue;
    slots.set(slot, NOBODY);
    spares += 1;
  }
  const shape = { wan: want.shape.wan, slots };
  return { ...want, sets: withEmpty(want.sets, shape, want.shape), shape };
}
