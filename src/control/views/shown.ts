import type { Record } from '../../policy/records.ts';

/** The records that are listed as policies; names and memberships have views of their own. */
export function isShown(record: Record): boolean {
  return (
    record.kind === 'block' ||
    record.kind === 'allow' ||
    record.kind === 'ignore' ||
    record.kind === 'unknown'
  );
}
