import type { Exec } from '../../exec.ts';
import { transact } from './nft.ts';
import type { Transaction } from './plan.ts';

/**
 * Commands of elements, each of up to 500, that one transaction takes at most. Where anybody listens (`nft monitor`, in
 * whatever namespace) the kernel keeps a message of 8 KiB for each element until the transaction is in force: 120,000
 * elements in one took 950 MB of its memory, in transactions of 5,000 they take 36. The tool takes no longer for them.
 */
const AT_MOST = 10;
/** The same at boot, before anything is there that could listen: below, more processes cost more than they save. */
const AT_MOST_UNHEARD = 60;
/** How many processes read elements at once: it is the tool that takes long, and the kernel takes one after the other. */
const AT_ONCE = 4;

const IS_ELEMENTS = /^(?:add|delete) element /;
const MAKES_SET = /^add set /;

/**
 * Puts a table in force, as `whole` has it, where there is most likely none of its name. A large one comes in stages: its
 * sets, then their elements, by several processes at once, and last, in one transaction, its maps and the chains that
 * the kernel calls. Whatever ends this on the way has put nothing in force, and what is left of it the next one takes away.
 * Where a stage fails, because there is such a table after all or has been made meanwhile, all of it is one transaction
 * as ever: that table may be at work. `unheard` says that nobody listens to the kernel yet.
 */
export async function putNew(
  exec: Exec,
  commands: Transaction,
  signal: AbortSignal,
  unheard = false,
): Promise<void> {
  const filled = new Set(commands.flatMap((command) => filledSet(command) ?? []));
  const elements = commands.filter((command) => isElementOf(filled, command));
  const atMost = unheard ? Math.max(AT_MOST_UNHEARD, Math.ceil(elements.length / AT_ONCE)) : AT_MOST;
  if (elements.length > atMost) {
    try {
      return await inStages(exec, commands, elements, atMost, signal);
    } catch {
      // What is wrong with it the whole tells again.
      signal.throwIfAborted();
    }
  }
  await transact(exec, commands, signal);
}

/**
 * Runs a step of a change of the table that is at work. A large one is several transactions: each of its elements blocks
 * more, or each blocks less, so there is no wrong place between two of them. Everything else stays beside what it stands beside.
 */
export async function inPieces(exec: Exec, step: Transaction, signal: AbortSignal): Promise<void> {
  let piece: string[] = [];
  let elements = 0;
  for (const command of step) {
    if (IS_ELEMENTS.test(command) && ++elements > AT_MOST) {
      await transact(exec, piece, signal);
      [piece, elements] = [[], 1];
    }
    piece.push(command);
  }
  if (piece.length > 0) await transact(exec, piece, signal);
}

/** The set that this command makes, if its elements are filled in beforehand: intervals are few, and are added as one. */
function filledSet(command: string): string | undefined {
  return MAKES_SET.test(command) && !command.includes(' flags interval;') ? command.split(' ')[4] : undefined;
}

function isElementOf(sets: ReadonlySet<string>, command: string): boolean {
  return command.startsWith('add element ') && sets.has(command.split(' ', 5)[4] ?? '');
}

async function inStages(
  exec: Exec,
  commands: Transaction,
  elements: Transaction,
  atMost: number,
  signal: AbortSignal,
): Promise<void> {
  const table = commands.find((command) => command.startsWith('add table ')) ?? '';
  const sets = commands.filter((command) => MAKES_SET.test(command));
  // Unlike `add`, `create` refuses what is there: nothing is filled or hooked in twice.
  await transact(exec, [table.replace('add', 'create'), ...sets], signal);

  await fill(exec, elements, atMost, signal);

  const done = new Set([...sets, ...elements]);
  const rest = commands
    .filter((one) => !done.has(one) && !/^(?:add|delete) table /.test(one))
    .map((one) => one.replace(/^add chain /, 'create chain '));
  await transact(exec, rest, signal);
}

/** Several processes, each with the next elements in turn. When one fails, all have ended before it is told. */
async function fill(exec: Exec, elements: Transaction, atMost: number, signal: AbortSignal): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < elements.length) {
      const share = elements.slice(next, next + atMost);
      next += atMost;
      await transact(exec, share, signal).catch((error: unknown) => {
        next = elements.length;
        throw error;
      });
    }
  };
  const runs = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
  for (const run of runs) if (run.status === 'rejected') throw run.reason;
}
