import { loadConfig } from '../config.ts';
import { openControl } from '../control/client.ts';

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
  const client = await openControl(loadConfig(args.config).control.socket);
  try {
    return await client.call<T>(method, params);
  } finally {
    client.close();
  }
}
