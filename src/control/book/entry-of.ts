import { UsageError } from '../../errors.ts';
import type { NodeId } from '../../policy/block-set.ts';
import { domainNodeId } from '../../policy/identity.ts';
import type { Record, Subject } from '../../policy/records.ts';
import type { Parts } from '../parts.ts';
import type { Entry } from './entry.ts';
import { type BookParts, subjectFromWords, subjectToWords } from './subjects.ts';

/** What a book says of a record; undefined for what does not belong in one (membership, records of later versions). */
export function entryOf(parts: BookParts, record: Record): Entry | undefined {
  const words = (subject: Subject) => subjectToWords(parts, subject);
  const node = (id: NodeId) => words(nodeSubject(parts, id));
  switch (record.kind) {
    case 'block':
    case 'allow':
      return { kind: record.kind, a: words(record.a), b: words(record.b), terms: record.terms };
    case 'ignore':
      return { kind: 'ignore', node: words(record.node) };
    case 'same':
    case 'distinct':
      return { kind: record.kind, x: node(record.x), y: node(record.y) };
    case 'in':
      return { kind: 'in', group: record.group, node: words(record.node) };
    case 'name':
      return { kind: 'name', of: words(record.of), text: record.text };
    default:
      return undefined;
  }
}

/** The record that an entry of a book stands for, in this home. UsageError when its words stand for nothing here. */
export function recordOf(parts: BookParts & Pick<Parts, 'apart'>, entry: Entry): Record {
  const subject = (words: string) => subjectFromWords(parts, words);
  const node = (words: string) => idOf(parts, subject(words), words);
  switch (entry.kind) {
    case 'block': {
      const [a, b] = [subject(entry.a), subject(entry.b)];
      return { kind: 'block', a, b, terms: entry.terms, apart: parts.apart([a, b]) };
    }
    case 'allow':
      return { kind: 'allow', a: subject(entry.a), b: subject(entry.b), terms: entry.terms };
    case 'ignore':
      return { kind: 'ignore', node: subject(entry.node) };
    case 'same':
    case 'distinct':
      return { kind: entry.kind, x: node(entry.x), y: node(entry.y) };
    case 'in':
      return { kind: 'in', group: entry.group, node: subject(entry.node) };
    case 'name':
      return { kind: 'name', of: subject(entry.of), text: entry.text };
  }
}

/** An edge between nodes does not say of which kind they are. */
function nodeSubject(parts: BookParts, id: NodeId): Subject {
  return { kind: parts.directory.node(id)?.device === false ? 'remote' : 'device', id };
}

/** Of a domain, its node. */
function idOf({ crypto, replica }: BookParts, subject: Subject, words: string): NodeId {
  if (subject.kind === 'domain') return domainNodeId(crypto, replica.home, subject.domain);
  if (subject.kind === 'device' || subject.kind === 'remote') return subject.id;
  throw new UsageError(`"${words}" is no node: only nodes can be the same or distinct`);
}
