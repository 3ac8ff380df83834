import type { Record, Subject, Terms } from '../../policy/records.ts';
import { formatFor, isoTime } from '../book/terms.ts';
import type { Directory } from '../directory.ts';
import { describeWindows } from '../terms-text.ts';

/** How a subject is shown. */
export type Label = (subject: Subject) => string;

/** The directory's labels, each looked up once: one answer shows the same few subjects many times. */
export function labels(directory: Directory): Label {
  const known = new Map<string, string>();
  return (subject) => {
    const key = JSON.stringify(subject);
    const label = known.get(key) ?? directory.label(subject);
    known.set(key, label);
    return label;
  };
}

/** What a record says, in the words of the command line: `block tv – ads.example for 2h`. */
export function recordWords(record: Record, label: Label): string {
  const device = (id: string) => label({ kind: 'device', id });
  switch (record.kind) {
    case 'block':
    case 'allow':
      return [`${record.kind} ${label(record.a)} – ${label(record.b)}`, ...termsWords(record.terms)].join(
        ' ',
      );
    case 'ignore':
      return `ignore ${label(record.node)}`;
    case 'same':
      return `${device(record.x)} is the same as ${device(record.y)}`;
    case 'distinct':
      return `${device(record.x)} is not ${device(record.y)}`;
    case 'in':
      return `${label(record.node)} in group ${record.group}`;
    case 'name':
      return record.of.kind === 'home'
        ? `name the home "${record.text}"`
        : `name ${label(record.of)} "${record.text}"`;
    case 'admit':
      return `admit ${label({ kind: 'router', peer: record.peer })}${record.admin ? ' as admin' : ''}`;
    case 'evict':
      return `evict ${label({ kind: 'router', peer: record.peer })}`;
    case 'leave':
      return 'leave the home';
    case 'invite':
      return `invitation for a router${record.admin ? ' as admin' : ''}${record.until === undefined ? '' : ` until ${isoTime(record.until)}`}`;
    case 'unknown':
      return 'something that needs a newer Hedgerow';
  }
}

/** The terms as a person would type them; nothing for "until it is lifted". */
export function termsWords(terms: Terms): string[] {
  const words: string[] = [];
  if (terms.windows !== undefined && terms.windows.length > 0)
    words.push([describeWindows(terms.windows), ...(terms.zone === undefined ? [] : [terms.zone])].join(' '));
  if (terms.for !== undefined) words.push(`for ${formatFor(terms.for)}`);
  else if (terms.until !== undefined) words.push(`until ${isoTime(terms.until)}`);
  if (terms.reason !== undefined) words.push(`(${terms.reason})`);
  return words;
}
