import { Document, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { messageOf } from '../../errors.ts';
import type { Entry } from './entry.ts';
import { bookSchema } from './schema.ts';
import { termsToWords } from './terms.ts';

/** A book is never larger, in bytes. */
export const MAX_BOOK_BYTES = 5_000_000;
/** Aliases that a book may follow: none is ever written, and a bomb is made of them. */
const MAX_ALIASES = 100;
/** So many problems of a book are told. */
const MAX_PROBLEMS = 20;

/** An entry and where it stands. */
export interface Placed {
  readonly entry: Entry;
  readonly line: number;
}

export interface Problem {
  readonly line: number;
  readonly message: string;
}

export type ReadBook =
  | { readonly ok: true; readonly entries: readonly Placed[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Reads a book. Never throws: what is wrong is told with its line. */
export function readBook(text: string): ReadBook {
  if (text.length > MAX_BOOK_BYTES) return refuse(1, `larger than ${MAX_BOOK_BYTES / 1_000_000} MB`);
  const counter = new LineCounter();
  const lineAt = (offset: number) => Math.max(1, counter.linePos(offset).line);
  let document: ReturnType<typeof parseDocument>;
  let value: unknown;
  try {
    document = parseDocument(text, {
      lineCounter: counter,
      prettyErrors: false,
      stringKeys: true,
      // The library's check takes quadratic time: see twice().
      uniqueKeys: false,
    });
    const [wrong] = document.errors;
    if (wrong !== undefined) return refuse(lineAt(wrong.pos[0]), wrong.message);
    const again = twice(document);
    if (again !== undefined) return refuse(lineAt(again.offset), `"${again.key}" stands here twice`);
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    return refuse(1, `this cannot be read: ${messageOf(error)}`);
  }
  const lineOf = (path: readonly PropertyKey[]) => lineAt(offsetOf(document, path));
  const book = bookSchema.safeParse(value);
  if (!book.success) {
    const problems = book.error.issues.slice(0, MAX_PROBLEMS).map((issue) => {
      const [unknown] = issue.code === 'unrecognized_keys' ? issue.keys : [];
      const path = unknown === undefined ? issue.path : [...issue.path, unknown];
      const message = unknown === undefined ? issue.message : 'a book has no such entry';
      return {
        line: lineOf(path),
        message: [path.join('.').slice(0, 100), message].filter((text) => text !== '').join(': '),
      };
    });
    return { ok: false, problems };
  }
  const { names, groups, policies, ignored, same, distinct } = book.data;
  const entries: Placed[] = [];
  const add = (entry: Entry, ...path: PropertyKey[]) => entries.push({ entry, line: lineOf(path) });
  names?.forEach(({ of, name }, n) => void add({ kind: 'name', of, text: name }, 'names', n));
  for (const [group, members] of Object.entries(groups ?? {}))
    members?.forEach((node, n) => void add({ kind: 'in', group, node }, 'groups', group, n));
  policies?.forEach((entry, n) => void add(entry, 'policies', n));
  ignored?.forEach((node, n) => void add({ kind: 'ignore', node }, 'ignored', n));
  same?.forEach(({ one, other }, n) => void add({ kind: 'same', x: one, y: other }, 'same', n));
  distinct?.forEach(({ one, other }, n) => void add({ kind: 'distinct', x: one, y: other }, 'distinct', n));
  return { ok: true, entries };
}

/** A key that stands twice in one place: the second would silently take the place of the first. */
function twice(document: Document): { key: string; offset: number } | undefined {
  let found: { key: string; offset: number } | undefined;
  visit(document, {
    Map(_, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) {
          found = { key: String(key.value).slice(0, 100), offset: key.range?.[0] ?? 0 };
          return visit.BREAK;
        }
        seen.add(key.value);
      }
      return undefined;
    },
  });
  return found;
}

/** Where the thing at a path stands, or what is around it when it is not there. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return document.contents?.range?.[0] ?? 0;
}

/** Writes a book: the same entries give the same text, in whatever order they come, each once. */
export function writeBook(entries: readonly Entry[], about: { home: string; left: number }): string {
  const of = <K extends Entry['kind']>(kind: K) =>
    sorted(entries.filter((entry): entry is Extract<Entry, { kind: K }> => entry.kind === kind));
  const groups: { [name: string]: string[] } = Object.create(null);
  for (const { group, node } of of('in')) groups[group] = [...(groups[group] ?? []), node];
  const policies = sorted(entries.filter((entry) => entry.kind === 'block' || entry.kind === 'allow'));
  const pairs = (kind: 'same' | 'distinct') => of(kind).map(({ x, y }) => ({ one: x, other: y }));
  const document = new Document({
    bookVersion: 1,
    names: of('name').map(({ of: subject, text }) => ({ of: subject, name: text })),
    groups: new Map(Object.entries(groups)),
    policies: policies.map((entry) => ({
      ...(entry.kind === 'block' ? { block: entry.a, from: entry.b } : { allow: entry.a, to: entry.b }),
      ...termsToWords(entry.terms),
    })),
    ignored: of('ignore').map(({ node }) => node),
    same: pairs('same'),
    distinct: pairs('distinct'),
  });
  const lines = [
    ` The policy book of ${about.home}.`,
    ' hedgerow import reads it: what is there already stays as it is; times ("for") count from then.',
    ...(about.left > 0 ? [` ${about.left} records need a newer Hedgerow and are not in here.`] : []),
  ];
  document.commentBefore = lines.map((line) => line.replaceAll(/\p{C}/gu, '?')).join('\n');
  return document.toString({ lineWidth: 0 });
}

function sorted<E extends Entry>(entries: readonly E[]): E[] {
  const byText = new Map(entries.map((entry) => [sortKey(entry), entry]));
  return [...byText].sort(([x], [y]) => (x < y ? -1 : 1)).map(([, entry]) => entry);
}

/** By what a person looks for first. */
function sortKey(entry: Entry): string {
  const { kind, ...rest } = entry;
  return JSON.stringify('terms' in rest ? [rest.a, rest.b, kind, termsToWords(rest.terms)] : [rest]);
}

function refuse(line: number, message: string): ReadBook {
  return { ok: false, problems: [{ line, message }] };
}
