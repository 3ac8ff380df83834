import type { Clock } from '../../clock.ts';
import type { Exec } from '../exec.ts';
import { ACK_SET } from './names.ts';
import { ToolSession } from './tool-session.ts';

/** Slow routers need about 0.1 ms for a line. */
const DEADLINE_MS = 10_000;
const DEADLINE_PER_LINE_MS = 1;

/**
 * One long-lived `ipset -`: a change takes 0.1 ms instead of the 3 to 13 ms of a spawned command. Lines run in order, also after
 * one that failed; a `test` of an empty set ends each batch, and its answer on standard error is the acknowledgement. (The
 * set is made each time, for others may destroy what no rule refers to; its `-exist` holds for all that follows: to add
 * what is there and to remove what is not is no failure.)
 */
export function ipsetSession(exec: Exec, clock: Clock): ToolSession {
  const dialect = {
    tool: 'ipset',
    argv: ['ipset', '-'],
    answersOn: 'stderr' as const,
    ask: (lines: readonly string[], count: number) => {
      const n = count % 0x1000000;
      const address = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
      const batch = [...lines, `create -exist ${ACK_SET} hash:ip`, `test ${ACK_SET} ${address}`, ''];
      return { text: batch.join('\n'), mark: `${address} is NOT in set ${ACK_SET}.` };
    },
    answer: (said: string, mark: string) => {
      const at = said.indexOf(mark);
      return at < 0 ? undefined : { error: said.slice(0, at), rest: '' };
    },
    deadlineMs: (lines: readonly string[]) => DEADLINE_MS + lines.length * DEADLINE_PER_LINE_MS,
  };
  return new ToolSession(dialect, exec, clock);
}
