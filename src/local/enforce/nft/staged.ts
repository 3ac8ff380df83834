import type { Exec } from '../../exec.ts';
import { transact } from './nft.ts';
import type { Transaction } from './plan.ts';

/** Commands of elements, each of up to 500, from which on several processes cost less than they save. */
const MANY = 60;
/** How many processes read elements at once: it is the tool that takes long, and the kernel takes one after the other. */
const AT_ONCE = 4;

const MAKES_SET = /^add set /;
/** Of sets in which an element more blocks more; those of the others are few, or refer to chains. */
const BLOCKS = /^add element \S+ \S+ (?:r|e|p|pm|n|nm)[46](?:_\d+)? /;

/**
 * Puts a table in force, as `whole` has it, where there is most likely none of its name. A large one comes in stages: its sets,
 * then what they block, by several processes at once, and last, in one transaction, all that lets pass and the chains that
 * the kernel calls. Whatever ends this on the way has put nothing in force, and what is left of it the next one takes away.
 * Where a stage fails, because there is such a table after all or has been made meanwhile, all of it is one transaction
 * as ever.
 */
export async function putNew(exec: Exec, commands: Transaction, signal: AbortSignal): Promise<void> {
  const elements = commands.filter((command) => BLOCKS.test(command));
  if (elements.length >= MANY) {
    try {
      return await inStages(exec, commands, elements, signal);
    } catch {
      // What is wrong with it the whole tells again.
      signal.throwIfAborted();
    }
  }
  await transact(exec, commands, signal);
}

async function inStages(
  exec: Exec,
  commands: Transaction,
  elements: Transaction,
  signal: AbortSignal,
): Promise<void> {
  const table = commands.find((command) => command.startsWith('add table ')) ?? '';
  const sets = commands.filter((command) => MAKES_SET.test(command));
  // Unlike `add`, `create` refuses what is there: nothing is filled or hooked in twice.
  await transact(exec, [table.replace('add', 'create'), ...sets], signal);

  const shares = Array.from({ length: AT_ONCE }, (_, n) => elements.filter((_, at) => at % AT_ONCE === n));
  const runs = await Promise.allSettled(shares.map((share) => transact(exec, share, signal)));
  for (const run of runs) if (run.status === 'rejected') throw run.reason;

  const rest = commands
    .filter((one) => !MAKES_SET.test(one) && !BLOCKS.test(one) && !/^(?:add|delete) table /.test(one))
    .map((one) => one.replace(/^add chain /, 'create chain '));
  await transact(exec, rest, signal);
}
