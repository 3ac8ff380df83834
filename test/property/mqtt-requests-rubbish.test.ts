import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/log.ts';
import type { Message } from '../../src/mqtt/link.ts';
import { RouterName } from '../../src/mqtt/router-name.ts';
import { Requests } from '../../src/mqtt/topics/requests.ts';
import { PATIENCE_MS, withstands } from '../support/rubbish.ts';
import { spinHouse } from '../unit/mqtt/spin/spin-house.ts';
import { Spoiler } from './spoil.ts';

const SEED = Number(process.env.FAST_CHECK_SEED ?? 20261121) || 1;
const NEVER = new AbortController().signal;

/** Parameters that some command has, and values that are nearly right. */
const NAMES = [
  ...['first', 'second', 'what', 'for', 'until', 'schedule', 'trial', 'reason', 'by', 'confirm', 'all', 'id'],
  ...[
    'device',
    'name',
    'names',
    'limit',
    'since',
    'kind',
    'ids',
    'wait',
    'dryRun',
    'transaction',
    '__proto__',
  ],
];
const VALUES: readonly unknown[] = [
  ...[
    'alice',
    '02:00:00:00:08:0a',
    'cloud.example.com',
    '203.0.113.10',
    '10.0.0.0/8',
    'internet',
    'home',
    '*',
  ],
  ...[
    '1h',
    '07:00',
    '9999y',
    'mon-fri 22:00-07:00',
    '',
    '\ud800',
    'x'.repeat(300),
    'id:',
    '2026-11-21T00:00',
  ],
  ...[0, -1, 1e308, 0.5, null, true, false, [], ['alice'], {}, { toString: null }, [[[[]]]], '__proto__'],
];
const TEXTS = [
  '{"first":"alice","second":"internet","for":"1h","transaction":7}',
  '{"what":"alice","until":"07:00"}',
  '{"transaction":{"a":1}}',
  '{"first":{"toString":null}}',
  '[]',
  '',
  '7',
  `${'['.repeat(3_000)}`,
].map((text) => Buffer.from(text));

/** They look at parts of an agent that are not there in a test. */
const ABSENT = ['status', 'stats', 'measures', 'metrics'];

describe('rubbish as requests over MQTT', () => {
  it('is answered in JSON by every command, and none of them is a fault', {
    timeout: PATIENCE_MS,
  }, async () => {
    const house = spinHouse({ policies: 200, changesPerHour: 100, burst: 100 });
    const faults: unknown[] = [];
    const name = new RouterName('attic', '1'.repeat(64));
    const requests = new Requests({
      methods: () => house.methods,
      name,
      clock: house.clock,
      log: { ...silentLog, error: (fields) => faults.push(fields) },
    });
    const [hears] = requests.hears;
    const ask = async (command: string, payload: string, retain = false): Promise<readonly Message[]> =>
      (await hears?.on({ topic: `hedgerow/attic/request/${command}`, payload, retain }, NEVER)) ?? [];
    const spoiler = new Spoiler(SEED);
    const commands = [...house.methods.keys()].filter((command) => !ABSENT.includes(command));
    const text = () => {
      if (spoiler.number(3) === 0) return Buffer.from(spoiler.bytes(TEXTS)).toString();
      const given = Array.from({ length: spoiler.number(4) }, () => [
        spoiler.pick(NAMES),
        VALUES[spoiler.number(VALUES.length)],
      ]);
      return JSON.stringify(Object.fromEntries(given));
    };
    const told = { ok: 0, error: 0, nothing: 0 };
    const one = async () => {
      const command =
        spoiler.number(8) > 0
          ? spoiler.pick(commands)
          : Buffer.from(spoiler.bytes([Buffer.from(spoiler.pick(commands))]))
              .toString()
              .replaceAll('/', '');
      const answers = await ask(command, text(), spoiler.number(50) === 0);
      expect(answers.length).toBeLessThan(2);
      const [answer] = answers;
      if (answer === undefined) told.nothing += 1;
      else {
        if (answer.topic !== `hedgerow/attic/response/${command}`) throw new Error(answer.topic);
        told[JSON.parse(answer.payload).status as 'ok' | 'error'] += 1;
      }
    };
    const batch = async () => {
      for (let group = 0; group < 10; group++) await Promise.all(Array.from({ length: 10 }, one));
      house.clock.advance(1_000);
      return 100;
    };
    const honest = async () => {
      const [answer] = await ask('devices', '{"transaction":1}');
      expect(JSON.parse(answer?.payload ?? '')).toMatchObject({ transaction: 1, status: 'ok' });
    };
    await withstands(honest, batch);
    expect(faults).toEqual([]);
    expect(Math.min(told.ok, told.error, told.nothing)).toBeGreaterThan(100);
  });
});
