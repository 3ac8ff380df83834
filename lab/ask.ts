/** Asking a router's agent, in two ways: on its control socket (quick), and by the command a person would type. */
import { type ControlClient, openControl } from '../src/control/client.ts';
import { LabError } from './error.ts';
import type { House } from './house-api.ts';

const ANSWER_MS = 10_000;

/** The values of `hedgerow status` that the lab looks at. */
export interface Status {
  readonly digest: string;
  readonly policies: number;
  readonly rssMb: number;
  readonly devices: number;
  readonly flows: number;
  readonly routers: { readonly members: number; readonly alive: number; readonly inStep: number };
  readonly enforcement: { readonly enforcing: boolean; readonly backend: string };
}

/**
 * Calls a command or a view of a router's agent on its control socket.
 * @throws LabError when no agent answers there within 10 s, or when it refuses
 */
export async function ask<T>(
  house: House,
  router: string,
  method: string,
  params: Record<string, unknown> = {},
): Promise<T> {
  let client: ControlClient | undefined;
  // Closing rejects the pending call.
  const late = setTimeout(() => client?.close(), ANSWER_MS);
  try {
    client = await openControl(house.controlSocket(router), ANSWER_MS);
    return await client.call<T>(method, params);
  } catch (cause) {
    throw new LabError(`${method} on ${router}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  } finally {
    clearTimeout(late);
    client?.close();
  }
}

/** Runs `hedgerow … --json` on a router and returns the value it printed. */
export async function hedgerow<T>(
  house: House,
  router: string,
  argv: readonly string[],
  signal?: AbortSignal,
): Promise<T> {
  const { code, stdout, stderr } = await house.exec(
    router,
    ['hedgerow', ...argv, '--json'],
    signal ? { signal } : {},
  );
  if (code !== 0) {
    throw new LabError(`hedgerow ${argv.join(' ')} on ${router}: exit code ${code}\n${stdout}${stderr}`);
  }
  try {
    return JSON.parse(stdout) as T;
  } catch (cause) {
    throw new LabError(`hedgerow ${argv.join(' ')} on ${router} printed no JSON: ${stdout.slice(0, 500)}`, {
      cause,
    });
  }
}
