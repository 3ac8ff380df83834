import * as z from 'zod';
import { UsageError } from '../../errors.ts';
import { entrySchema, MAX_ENTRIES_AT_A_TIME } from '../book/entry.ts';
import { importEntries, retireRecords } from '../commands/import.ts';
import { MAX_LOOKED_THROUGH, MAX_UNDONE, undo } from '../commands/undo.ts';
import type { Offer } from '../offer.ts';
import type { Parts } from '../parts.ts';
import { auditView, MAX_ENTRIES, MAX_READ } from '../views/audit.ts';
import { completionView } from '../views/completion.ts';
import { exportView } from '../views/export.ts';
import { offerStore } from './store.ts';

const change = {
  by: z.string().min(1).max(100).default('unknown'),
  wait: z.boolean().default(true),
  dryRun: z.boolean().default(false),
};
const opId = z.string().regex(/^[0-9a-f]{64}$/, 'not the id of a change');
const idPrefix = z.string().regex(/^[0-9a-f]{4,64}$/, 'not the beginning of the id of a change');
const recordId = z.string().regex(/^[0-9a-f]{64}\/\d{1,5}$/, 'not the id of a record');

/** Looking back and carrying over: audit, undo, export, import, the store, and the words that a shell completes. */
export function offerHistory(offer: Offer, parts: Parts): void {
  const { replica } = parts;
  offer(
    'audit',
    z.strictObject({
      last: z.number().int().min(1).max(MAX_ENTRIES).default(50),
      by: z.string().min(1).max(200).optional(),
      about: z.string().min(1).max(255).optional(),
      since: z.number().int().min(1).max(10_000_000_000).optional(),
      people: z.boolean().default(false),
      before: opId.optional(),
    }),
    (request) => {
      const { before } = request;
      if (before !== undefined && !replica.holds(before)) throw new UsageError('no change has this id');
      // One more than is read: it tells that there is more.
      return auditView(parts, request, replica.recent(MAX_READ + 1, before));
    },
  );
  offer(
    'undo',
    z.strictObject({
      ...change,
      count: z.number().int().min(1).max(MAX_UNDONE).default(1),
      id: idPrefix.optional(),
      any: z.boolean().default(false),
    }),
    (request) => undo(parts, request, replica.recent(MAX_LOOKED_THROUGH)),
  );
  offer('export', z.strictObject({}), () => exportView(parts));
  offer(
    'import',
    z.strictObject({ ...change, entries: z.array(entrySchema).max(MAX_ENTRIES_AT_A_TIME) }),
    (request) => importEntries(parts, request),
  );
  offer(
    'import.retire',
    z.strictObject({ ...change, records: z.array(recordId).max(MAX_ENTRIES_AT_A_TIME) }),
    (request) => retireRecords(parts, request),
  );
  offerStore(offer, parts.care);
  offer('completion', z.strictObject({}), () => completionView(parts));
}
