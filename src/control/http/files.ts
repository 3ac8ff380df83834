import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

/**
 * The names on the way to a file that the path of a URL asks for. Undefined when one of them is hidden, leads upwards, is
 * empty, or is no name of a file; the last one is empty when a folder is asked for.
 */
export function segmentsOf(path: string): readonly string[] | undefined {
  if (!path.startsWith('/') || path.length > 2_000) return undefined;
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return undefined;
  }
  const segments = decoded.slice(1).split('/');
  // A "/" or a "\" that was encoded is no part of a name either: what was split is decoded already, and not decoded again.
  const isName = (name: string) => name !== '' && !name.startsWith('.') && !/[\\\p{C}]/u.test(name);
  const folders = segments.slice(0, -1);
  const last = segments.at(-1) ?? '';
  return folders.every(isName) && (last === '' || isName(last)) ? segments : undefined;
}

/** What a path leads to: a file, by its path inside the folder, or a folder that lacks its "/" at the end. */
export type Found = { readonly file: string } | { readonly folder: true };

/**
 * Looks for what the segments ask for in a folder: a file, or the index of a folder. A file that is there only compressed
 * (`app.js.gz`) is found when the client takes that. What a link leads to outside of the folder is not found.
 */
export async function findFile(
  root: string,
  segments: readonly string[],
  takesGzip: boolean,
): Promise<Found | undefined> {
  const isFolder = segments.at(-1) === '';
  const file = join(...segments.slice(0, -1), isFolder ? 'index.html' : (segments.at(-1) ?? ''));
  const kind = await kindInside(root, file);
  if (kind === 'file') return { file };
  if (kind === 'folder' && !isFolder) {
    const index = await kindInside(root, join(file, 'index.html'));
    return index === 'file' ? { folder: true } : undefined;
  }
  if (takesGzip && (await kindInside(root, `${file}.gz`)) === 'file') return { file };
  return undefined;
}

async function kindInside(root: string, path: string): Promise<'file' | 'folder' | undefined> {
  try {
    const [top, real] = await Promise.all([realpath(root), realpath(join(root, path))]);
    if (!real.startsWith(top.endsWith(sep) ? top : `${top}${sep}`)) return undefined;
    // A link to a hidden file is a way to it as well.
    if (
      real
        .slice(top.length)
        .split(sep)
        .some((name) => name.startsWith('.'))
    )
      return undefined;
    const found = await stat(real);
    return found.isFile() ? 'file' : found.isDirectory() ? 'folder' : undefined;
  } catch {
    // Not there, or not ours to read.
    return undefined;
  }
}
