import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { follow } from '../../src/cli/follow.ts';
import type { Method } from '../../src/control/offer.ts';
import { ControlServer } from '../../src/control/server.ts';
import { silentLog } from '../../src/log.ts';

let folder: string;
let server: ControlServer;
let state: string;
const params = z.strictObject({});
const methods = new Map<string, Method>([['status', { params, run: async () => state }]]);
const asks = async () => 'asked';

async function serve(): Promise<void> {
  server = new ControlServer({ path: join(folder, 'sock'), methods, log: silentLog });
  await server.start(AbortSignal.timeout(5_000));
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'follow-'));
  writeFileSync(join(folder, 'config.yaml'), `control: {socket: ${join(folder, 'sock')}}`);
  state = 'calm';
  await serve();
});

afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const args = () => ({ config: join(folder, 'config.yaml'), json: true });
const signal = () => AbortSignal.timeout(20_000);

describe('following a view', () => {
  it('is told by the agent, and goes on when it begins anew', async () => {
    const views = follow<string>(args(), { ask: asks, view: { name: 'status', params: {} } }, signal());
    expect((await views.next()).value).toBe('calm');
    await server.stop();
    state = 'stormy';
    await serve();
    expect((await views.next()).value).toBe('stormy');
    await views.return(undefined);
  });

  it('asks where it cannot be told: of other routers, of an older agent, of what is no state', async () => {
    for (const [source, more] of [
      [{ ask: asks }, {}],
      [{ ask: asks, view: { name: 'status', params: {} } }, { asks }],
      [{ ask: asks, view: { name: 'block', params: {} } }, {}],
    ] as const) {
      const views = follow<string>({ ...args(), ...more }, source, signal());
      expect((await views.next()).value).toBe('asked');
      await views.return(undefined);
    }
  });

  it('fails when there is no agent from the beginning', async () => {
    await server.stop();
    const views = follow<string>(args(), { ask: asks, view: { name: 'status', params: {} } }, signal());
    await expect(views.next()).rejects.toMatchObject({ name: 'UnavailableError' });
  });
});
