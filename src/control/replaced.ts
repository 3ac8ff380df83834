import { statSync } from 'node:fs';

const WORDS =
  'another Hedgerow was installed since this agent started: restart it (systemctl restart hedgerow, /etc/init.d/hedgerow restart); ' +
  'what is blocked stays blocked meanwhile';

/**
 * Whether the program on the disk is still the one that runs. Parts of it are loaded when they are first needed.
 * @returns what to do when it is not, as a list for `problems`; undefined while it is
 */
export function programReplaced(path = process.argv[1] ?? ''): () => string[] | undefined {
  const started = lookOf(path);
  return () => (lookOf(path) === started ? undefined : [WORDS]);
}

function lookOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat && `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
}
