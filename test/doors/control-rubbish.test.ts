import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { openControl } from '../../src/control/client.ts';
import type { Method } from '../../src/control/offer.ts';
import { ControlServer } from '../../src/control/server.ts';
import { UsageError } from '../../src/errors.ts';
import { type Log, silentLog } from '../../src/log.ts';
import { PATIENCE_MS, RUBBISH, withstands } from '../support/rubbish.ts';

/** As many as a connection may have open at a time. */
const BATCH = 50;

let folder: string;
let server: ControlServer;
const faults: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'control-'));
  const params = z.strictObject({ who: z.string().max(20).optional() });
  const run = async (given: unknown) => {
    const { who } = params.parse(given ?? {});
    if (who === 'nobody') throw new UsageError('nobody is called so');
    return who ?? 'all';
  };
  const methods = new Map<string, Method>(
    ['status', 'flows', 'block'].map((name) => [name, { params, run }]),
  );
  const log: Log = { ...silentLog, error: ({ error }) => faults.push(String(error)) };
  server = new ControlServer({ path: join(folder, 'sock'), methods, log });
  await server.start(AbortSignal.timeout(10_000));
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const method = fc.constantFrom(
  'status',
  'flows',
  'block',
  'subscribe',
  'unsubscribe',
  '__proto__',
  'toString',
  '',
);
const json = fc.jsonValue({ maxDepth: 3 });
const loose = { requiredKeys: [] };
const params = fc.oneof(
  json,
  fc.record({ who: fc.oneof(fc.string(), json) }, loose),
  fc.record({ view: fc.oneof(method, json), params: json, everyMs: fc.oneof(fc.integer(), json) }, loose),
  fc.record({ subscription: fc.oneof(fc.nat(50), json) }, loose),
);
const request = fc.record(
  {
    jsonrpc: fc.oneof({ weight: 9, arbitrary: fc.constant('2.0') }, { weight: 1, arbitrary: json }),
    id: fc.oneof({ weight: 9, arbitrary: fc.nat() }, { weight: 1, arbitrary: json }),
    method: fc.oneof({ weight: 9, arbitrary: method }, { weight: 1, arbitrary: json }),
    params,
  },
  loose,
);
const line = fc.oneof(
  request.map((value) => JSON.stringify(value)),
  json.map((value) => JSON.stringify(value)),
  fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.replaceAll('\n', ' ')),
);

/** Sends lines, and answers what comes back up to the answer to `end`. */
function converse(socket: Socket, lines: readonly string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    let text = '';
    const ended = () => reject(new Error('the connection was ended'));
    const take = (data: string) => {
      text += data;
      if (!text.includes('"id":"end"') || !text.endsWith('\n')) return;
      socket.off('data', take).off('close', ended);
      resolve(text.trimEnd().split('\n'));
    };
    socket.on('data', take).on('close', ended);
    socket.write(`${lines.join('\n')}\n{"jsonrpc":"2.0","id":"end","method":"status"}\n`);
  });
}

describe('rubbish on the control socket', { timeout: PATIENCE_MS }, () => {
  it(`is answered in JSON, line by line, ${RUBBISH} times, and hurts nobody`, async () => {
    const lines = fc.sample(line, { numRuns: Math.min(RUBBISH, 20_000) });
    const client = await openControl(join(folder, 'sock'));
    const honest = async () => expect(await client.call('status')).toBe('all');
    let sent = 0;
    const batch = async () => {
      const socket = connect(join(folder, 'sock')).setEncoding('utf8');
      for (let part = 0; part < 20; part++) {
        const some = Array.from({ length: BATCH }, (_, i) => lines[(sent * 7 + i) % lines.length] ?? '');
        sent += BATCH;
        for (const answer of await converse(socket, some)) {
          if (JSON.parse(answer).jsonrpc !== '2.0') throw new Error(`not an answer: ${answer}`);
        }
      }
      socket.destroy();
      return 20 * BATCH;
    };
    await withstands(honest, batch);
    client.close();
    expect(faults).toEqual([]);
    expect(server.counters).toEqual({ refusedRequests: 0, tooLong: 0, halfLines: 0, unread: 0 });
  });
});
