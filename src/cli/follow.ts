import { systemClock } from '../clock.ts';
import { openControl } from '../control/client.ts';
import { HedgerowError, messageOf } from '../errors.ts';
import { type Common, socketOf } from './ask.ts';
import { paint } from './output.ts';

/** How to see a view again and again. */
export interface Source<T> {
  ask(): Promise<T>;
  /** The view that `ask` asks for, when it is one that can be subscribed to (control/watchable.ts). */
  readonly view?: { readonly name: string; readonly params: Record<string, unknown> } | undefined;
}

const EVERY_MS = 2_000;

/**
 * What a view says, until the signal aborts: told by the agent when something changes, or asked for where it cannot be. What
 * fails at first is an error as for every verb; later the agent may just begin anew.
 */
export async function* follow<T>(args: Common, source: Source<T>, signal: AbortSignal): AsyncGenerator<T> {
  let told = source.view !== undefined && args.asks === undefined;
  let first = true;
  let lost = false;
  while (!signal.aborted) {
    try {
      for await (const view of told ? subscribed(args, source, signal) : asked(source)) {
        first = false;
        lost = false;
        yield view;
      }
    } catch (error) {
      if (told && isNotOffered(error)) {
        told = false;
        continue;
      }
      if (first) throw error;
      if (!lost) process.stderr.write(`${paint('yellow', messageOf(error))}; trying again\n`);
      lost = true;
    }
    if (!(await slept(signal))) return;
  }
}

async function* asked<T>(source: Source<T>): AsyncGenerator<T> {
  yield await source.ask();
}

async function* subscribed<T>(args: Common, { view }: Source<T>, signal: AbortSignal): AsyncGenerator<T> {
  if (view === undefined) return;
  const client = await openControl(await socketOf(args));
  try {
    yield* client.subscribe<T>(view.name, view.params, { everyMs: EVERY_MS, signal });
  } finally {
    client.close();
  }
}

/** The agent is older, or thinks otherwise of this view. */
function isNotOffered(error: unknown): boolean {
  return error instanceof HedgerowError && ['UnknownCommandError', 'UsageError'].includes(error.name);
}

async function slept(signal: AbortSignal): Promise<boolean> {
  return await systemClock.sleep(EVERY_MS, signal).then(
    () => true,
    () => false,
  );
}
