import { DataError } from '../errors.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { Registers } from '../policy/registers.ts';
import type { Replica } from '../policy/replica.ts';
import type { Stored } from './store.ts';

/**
 * Puts what a store held into the replica and the registers: in passes, because an author
 * waits for the one who admitted it. DataError when something is left over that belongs nowhere: the store has lost ops.
 */
export function restore(stored: Stored, replica: Replica, registers: Registers, self: PeerKey): void {
  let rest = stored.ops;
  for (;;) {
    const waiting: Stored['ops'][number][] = [];
    for (const entry of rest) {
      const verdict = replica.restore(entry.id, entry.envelope);
      if (verdict.verdict === 'gap' || verdict.verdict === 'stranger') waiting.push(entry);
      else if (verdict.verdict === 'rubbish') throw damaged(`an op is ${verdict.why}`);
    }
    if (waiting.length === 0) break;
    if (waiting.length === rest.length) throw damaged(`${waiting.length} ops have lost those before them`);
    rest = waiting;
  }
  for (const envelope of stored.registers) {
    if (registers.admit(envelope) === 'rubbish') throw damaged('a register cannot be read');
  }
  // Ours are whole. Of the others' some may have come by gossip ahead of the rest: the next sync tells.
  registers.advance(self);
  stored.settle();
}

function damaged(detail: string): DataError {
  return new DataError(`the store is damaged: ${detail}`, {
    hint: 'move the folder away and start again: the other routers hand back everything (docs/operations.md)',
  });
}
