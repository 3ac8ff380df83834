import type { Crypto } from './crypto.ts';
import { Replica } from './replica.ts';

/**
 * Another replica that holds what this one holds now: for trying what would come of an op. It reads the same archive; what
 * it admits besides stays in memory and is told to nobody.
 */
export function copyOf(replica: Replica, crypto: Crypto): Replica {
  const held = replica.size;
  const tried = new Map<number, Uint8Array>();
  const copy = new Replica({
    genesis: replica.genesis,
    crypto,
    archive: { read: (n) => (n < held ? replica.envelopeAt(n) : tried.get(n)) },
    onAdmitted: (op, n) => {
      if (n >= held) tried.set(n, op.envelope);
    },
  });
  const pages: Uint8Array[] = [];
  for (let page = replica.page(0); page !== undefined; page = replica.page(pages.length)) pages.push(page);
  const resumed = copy.resume(pages);
  if (!resumed.ok) throw new RangeError(`a replica could not be copied: ${resumed.why}`);
  for (let n = copy.size; n < held; n++) {
    const envelope = replica.envelopeAt(n);
    if (envelope !== undefined) copy.restore(envelope);
  }
  return copy;
}
