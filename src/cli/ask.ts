import { loadConfig } from '../config.ts';
import { openControl } from '../control/client.ts';

/** What every verb takes. */
export interface Common {
  readonly config?: string | undefined;
  readonly json: boolean;
}

/** Asks the agent of this router one thing. */
export async function ask<T>(args: Common, method: string, params: Record<string, unknown> = {}): Promise<T> {
  const client = await openControl(loadConfig(args.config).control.socket);
  try {
    return await client.call<T>(method, params);
  } finally {
    client.close();
  }
}
