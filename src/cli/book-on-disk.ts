import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { MAX_BOOK_BYTES, type Placed, readBook } from '../control/book/file.ts';
import { DataError, messageOf, UnavailableError } from '../errors.ts';

/** Reads and checks a book; `-` is the standard input. DataError names each line that is wrong. */
export function bookFrom(file: string): readonly Placed[] {
  const book = readBook(textOf(file));
  if (!book.ok) throw notOneOf(file, book.problems);
  return book.entries;
}

/** What is wrong with a book, line by line. Nothing was changed. */
export function notOneOf(
  file: string,
  problems: readonly { readonly line: number; readonly message: string }[],
): DataError {
  const lines = problems.slice(0, 20).map(({ line, message }) => `  ${file}:${line}: ${message}`);
  const more = problems.length > lines.length ? [`  and ${problems.length - lines.length} more`] : [];
  return new DataError([`${file} cannot be taken over; nothing was changed`, ...lines, ...more].join('\n'), {
    hint: 'hedgerow export shows what a book looks like',
  });
}

/** Writes a file whole or not at all, readable by its owner only: it names the devices of a home. */
export function replaceFile(file: string, text: string): void {
  const draft = `${file}.${process.pid}.new`;
  try {
    writeFileSync(draft, text, { mode: 0o600 });
    renameSync(draft, file);
  } catch (cause) {
    rmSync(draft, { force: true });
    throw new UnavailableError(`${file} cannot be written: ${messageOf(cause)}`, { cause });
  }
}

function textOf(file: string): string {
  try {
    if (file === '-') return readFileSync(0, 'utf8');
    const { size } = statSync(file);
    if (size > MAX_BOOK_BYTES)
      throw new DataError(`${file} is larger than a book may be: ${MAX_BOOK_BYTES / 1_000_000} MB`);
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new UnavailableError(`${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
