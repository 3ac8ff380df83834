import { DEFAULT_SOCKET, readConfigText } from '../config.ts';
import { openControl } from '../control/client.ts';
import { HedgerowError } from '../errors.ts';

/** What every verb takes. */
export interface Common {
  readonly config?: string | undefined;
  readonly json: boolean;
  /** Answers instead of this router's agent: what `hedgerow ask` puts in. */
  readonly asks?: Asks | undefined;
}

/** Calls a view and answers what it says. */
export type Asks = (view: string, params: Record<string, unknown>) => Promise<unknown>;

/** Asks the agent of this router one thing. */
export async function ask<T>(args: Common, method: string, params: Record<string, unknown> = {}): Promise<T> {
  if (args.asks !== undefined) return (await args.asks(method, params)) as T;
  const client = await openControl(await socketOf(args));
  try {
    return await client.call<T>(method, params);
  } finally {
    client.close();
  }
}

/** What is not plainly said is checked whole, and what is wrong with it told. */
export async function socketOf({ config }: Common): Promise<string> {
  const { text } = readConfigText(config);
  if (!text.includes('socket')) return DEFAULT_SOCKET;
  const { socketIn } = await import('../config-socket.ts');
  const plain = socketIn(text);
  if (plain !== undefined) return plain;
  const { loadConfig } = await import('../config-file.ts');
  return loadConfig(config).control.socket;
}

/** Whether an error says that no agent runs here, and not that it may not be asked. */
export function isNobodyThere(error: unknown): boolean {
  if (!(error instanceof HedgerowError) || !(error.cause instanceof Error)) return false;
  const code = 'code' in error.cause ? error.cause.code : undefined;
  return code === 'ENOENT' || code === 'ECONNREFUSED';
}
