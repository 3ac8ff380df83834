import { afterAll, beforeAll } from 'vitest';
import type { Backend } from '../../src/local/enforce/backend.ts';
import type { Exec } from '../../src/local/exec.ts';
import type { BackendHarness } from '../contract/backend.ts';
import { BrokenTools } from './broken-tools.ts';
import { createWorld, type World } from './enforce-world.ts';

let world: World | undefined;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world?.close());

/** Opens backends on the router of one world, which all tests of a file share: each begins with an empty kernel. */
export function kernelHarness(
  open: (exec: Exec) => Backend,
  disturbance: readonly string[],
): () => Promise<BackendHarness> {
  return async () => {
    if (world === undefined) throw new Error('there is no world');
    const { router, ping, run, reset } = world;
    const tools = new BrokenTools(router);
    await reset();
    return {
      backend: open(tools),
      passes: (device, source, remote) => ping(device, source, remote),
      disturb: async () => void (await run('router', ...disturbance)),
      fail: (fails) => tools.behave(fails ? 'echo it does not work >&2; exit 1' : undefined),
      close: async () => undefined,
    };
  };
}
