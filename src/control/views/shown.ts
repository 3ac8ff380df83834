import type { RecordId } from '../../policy/block-set.ts';
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

/** The beginning of a policy's id, as lists show it; with its place where an op made several. */
export function shortId(id: RecordId): string {
  const [op = '', index = '0'] = id.split('/');
  return index === '0' ? op.slice(0, 8) : `${op.slice(0, 8)}/${index}`;
}

/** True when a text is the beginning of this policy's id (6 digits at least), perhaps with its place in the op. */
export function isNamed(id: RecordId, text: string): boolean {
  const [, prefix, index] = /^([0-9a-f]{6,64})(?:\/(\d+))?$/.exec(text) ?? [];
  if (prefix === undefined || !id.startsWith(prefix)) return false;
  return index === undefined || id.endsWith(`/${index}`);
}
