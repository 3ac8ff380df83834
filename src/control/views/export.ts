import type { RecordId } from '../../policy/block-set.ts';
import type { Entry } from '../book/entry.ts';
import { entryOf } from '../book/entry-of.ts';
import { isMembership } from '../commands/inverse.ts';
import type { Parts } from '../parts.ts';

/** Everything that people want of this home, but for who belongs to it. */
export interface ExportView {
  readonly home: string;
  /** In no useful order; equal entries stand for several records. */
  readonly entries: readonly { readonly record: RecordId; readonly entry: Entry }[];
  /** Records of later versions, which no book of this one can hold. */
  readonly left: number;
}

/** What a book is written from. What has ended is not in it. Holds no secret. */
export function exportView(parts: Parts): ExportView {
  const entries: { record: RecordId; entry: Entry }[] = [];
  let left = 0;
  for (const live of parts.replica.live.values()) {
    if (isMembership(live.record) || parts.force(live).ended) continue;
    const entry = entryOf(parts, live.record);
    if (entry === undefined) left += 1;
    else entries.push({ record: live.id, entry });
  }
  return { home: parts.directory.homeName() ?? 'a home without a name', entries, left };
}
