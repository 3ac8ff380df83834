import type { Clock } from '../../../clock.ts';
import type { Exec } from '../../exec.ts';
import { ToolSession } from '../tool-session.ts';

const DEADLINE_MS = 10_000;

/**
 * One long-lived `nft -i`: a change takes less than a millisecond instead of the time of a spawned command. The lines of one
 * piece of work are one transaction: if it fails, nothing of it is in force. A line that is no command follows, and the complaint about it
 * on standard error is the acknowledgement: the kernel is not asked for it. One that never answers was built without its
 * command line (OpenWrt's is).
 */
export function nftSession(exec: Exec, clock: Clock): ToolSession {
  const dialect = {
    tool: 'nft',
    // Without a home it keeps no history of commands.
    argv: ['env', 'HOME=/dev/null', 'nft', '-i'],
    answersOn: 'stderr' as const,
    ask: (commands: readonly string[], n: number) => {
      const mark = `hedgerow-ack-${n}`;
      return { text: `${commands.length === 0 ? '' : `${commands.join('; ')}\n`}${mark}\n`, mark };
    },
    /** The answer is a message, the line itself, and a line that points into it. */
    answer: (said: string, mark: string) => {
      const at = said.indexOf(`\n${mark}\n`);
      const end = at < 0 ? -1 : said.indexOf('^\n', at + mark.length);
      if (end < 0) return undefined;
      const before = said.slice(0, at);
      return { error: before.slice(0, Math.max(0, before.lastIndexOf('\n'))), rest: said.slice(end + 2) };
    },
    deadlineMs: () => DEADLINE_MS,
  };
  return new ToolSession(dialect, exec, clock);
}
