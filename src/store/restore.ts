import type { PeerKey } from '../policy/crypto.ts';
import type { Registers } from '../policy/registers.ts';
import type { Replica } from '../policy/replica.ts';
import { damaged } from './meta.ts';
import type { Stored } from './store.ts';

/**
 * Puts what a store held into the replica and the registers, and settles the store. The replica's archive is the store,
 * and whatever it admits is put into the store. DataError when something belongs nowhere: the store has lost ops.
 */
export function restore(stored: Stored, replica: Replica, registers: Registers, self: PeerKey): void {
  const resumed = replica.resume(stored.pages);
  if (!resumed.ok) throw damaged(resumed.why);
  for (const envelope of stored.tail) {
    const { verdict } = replica.restore(envelope);
    if (verdict !== 'ok') throw damaged(`an op is not in its place (${verdict})`);
  }
  restoreUnordered(stored.unordered, replica);
  for (const envelope of stored.registers) {
    if (registers.admit(envelope) === 'rubbish') throw damaged('a register cannot be read');
  }
  // Ours are whole. Of the others' some may have come by gossip ahead of the rest: the next sync tells.
  registers.advance(self);
  stored.settle((index) => replica.page(index));
}

/** In passes, because an author waits for the one who admitted it. */
function restoreUnordered(ops: readonly Uint8Array[], replica: Replica): void {
  let rest = ops;
  while (rest.length > 0) {
    const waiting: Uint8Array[] = [];
    for (const envelope of rest) {
      const verdict = replica.restore(envelope);
      if (verdict.verdict === 'gap' || verdict.verdict === 'stranger') waiting.push(envelope);
      else if (verdict.verdict === 'rubbish') throw damaged(`an op is ${verdict.why}`);
    }
    if (waiting.length === rest.length) throw damaged(`${waiting.length} ops have lost those before them`);
    rest = waiting;
  }
}
