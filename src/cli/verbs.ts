import type { Argv } from 'yargs';
import type { Asks } from './ask.ts';

/** Runs a verb with answers from elsewhere: what `hedgerow ask` needs. */
export type Run = (words: readonly string[], asks: Asks) => Promise<unknown>;

/** Adds a verb to a parser. A verb is loaded when it is typed: all of them would take longer than what most of them do. */
type Add = (parser: Argv, run: Run) => Promise<Argv>;

/** Every verb, in the order of the help. */
export const VERBS: Readonly<Record<string, Add>> = {
  agent: async (parser) => parser.command((await import('./verbs/agent.ts')).agent),
  status: async (parser) => parser.command((await import('./verbs/status.ts')).status),
  devices: async (parser) => parser.command((await import('./verbs/devices.ts')).devices),
  nodes: async (parser) => parser.command((await import('./verbs/nodes.ts')).nodes),
  flows: async (parser) => parser.command((await import('./verbs/flows.ts')).flows),
  ask: async (parser, run) => parser.command((await import('./verbs/ask.ts')).askRouter(run)),
  block: async (parser) => parser.command((await import('./verbs/block.ts')).block),
  unblock: async (parser) => parser.command((await import('./verbs/unblock.ts')).unblock),
  allow: async (parser) => parser.command((await import('./verbs/allow.ts')).allow),
  unallow: async (parser) => parser.command((await import('./verbs/unallow.ts')).unallow),
  pause: async (parser) => parser.command((await import('./verbs/pause.ts')).pause),
  bonus: async (parser) => parser.command((await import('./verbs/bonus.ts')).bonus),
  confirm: async (parser) => parser.command((await import('./verbs/confirm.ts')).confirm),
  group: async (parser) => parser.command((await import('./verbs/group.ts')).group),
  name: async (parser) => parser.command((await import('./verbs/name.ts')).name),
  merge: async (parser) => parser.command((await import('./verbs/merge.ts')).merge),
  split: async (parser) => parser.command((await import('./verbs/split.ts')).split),
  ignore: async (parser) => parser.command((await import('./verbs/ignore.ts')).ignore),
  unignore: async (parser) => parser.command((await import('./verbs/unignore.ts')).unignore),
  policies: async (parser) => parser.command((await import('./verbs/policies.ts')).policies),
  peers: async (parser) => parser.command((await import('./verbs/peers.ts')).peers),
  tolerance: async (parser) => parser.command((await import('./verbs/tolerance.ts')).tolerance),
  home: async (parser) => parser.command((await import('./verbs/home.ts')).home),
  invite: async (parser) => parser.command((await import('./verbs/invite.ts')).invite),
  join: async (parser) => parser.command((await import('./verbs/join.ts')).join),
  leave: async (parser) => parser.command((await import('./verbs/leave.ts')).leave),
  evict: async (parser) => parser.command((await import('./verbs/evict.ts')).evict),
  stats: async (parser) => parser.command((await import('./verbs/stats.ts')).stats),
  connections: async (parser) => parser.command((await import('./verbs/connections.ts')).connections),
  sync: async (parser) => parser.command((await import('./verbs/sync.ts')).sync),
  audit: async (parser) => parser.command((await import('./verbs/audit.ts')).audit),
  undo: async (parser) => parser.command((await import('./verbs/undo.ts')).undo),
  export: async (parser) => parser.command((await import('./verbs/export.ts')).exportBook),
  import: async (parser) => parser.command((await import('./verbs/import.ts')).importBook),
  replay: async (parser) => parser.command((await import('./verbs/replay.ts')).replayCapture),
  suspend: async (parser) => parser.command((await import('./verbs/suspend.ts')).suspend),
  clear: async (parser) => parser.command((await import('./verbs/clear.ts')).clear),
  enforce: async (parser) => parser.command((await import('./verbs/enforce.ts')).enforce),
  restore: async (parser) => parser.command((await import('./verbs/restore.ts')).restore),
  store: async (parser) => parser.command((await import('./verbs/store.ts')).store),
  config: async (parser) => parser.command((await import('./verbs/config.ts')).config),
  doctor: async (parser) => parser.command((await import('./verbs/doctor.ts')).doctor),
  completion: async (parser) => parser.command((await import('./verbs/completion.ts')).completion),
};

/** The verb among the words that stand behind `hedgerow`; undefined when the first of them is none. */
export function verbIn(words: readonly string[]): string | undefined {
  const at = words.findIndex((word, n) => !word.startsWith('-') && words[n - 1] !== '--config');
  const verb = words[at] ?? '';
  return Object.hasOwn(VERBS, verb) ? verb : undefined;
}
