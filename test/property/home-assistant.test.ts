import fc from 'fast-check';
import { expect, it } from 'vitest';
import { silentLog } from '../../src/log.ts';
import { wishOf } from '../../src/mqtt/home-assistant/commands.ts';
import { HomeAssistant } from '../../src/mqtt/home-assistant/home.ts';
import { commandOf } from '../../src/mqtt/home-assistant/names.ts';
import { RouterName } from '../../src/mqtt/router-name.ts';
import { covers } from '../../src/mqtt/topic-filter.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fakeHome, id, peer, recentOf } from '../support/home-assistant.ts';
import { PATIENCE_MS, RUBBISH, withstands } from '../support/rubbish.ts';

const never = new AbortController().signal;

/** Topics that are nearly right, and payloads that are nearly something. */
const level = fc.oneof(
  fc.constantFrom(id(1), id(99), 'block', 'pause', 'ha', 'd_', '', '..', '__proto__'),
  fc.string(),
);
const topic = fc.oneof(
  fc.tuple(level, level).map((levels) => `hedgerow/home/request/ha/${levels.join('/')}`),
  fc
    .tuple(fc.constant(id(1)), fc.constantFrom('block', 'pause'))
    .map((levels) => `hedgerow/home/request/ha/${levels.join('/')}`),
  level.map((one) => `hedgerow/home/ha/${one}`),
  fc.constant(`hedgerow/home/ha/d_${id(1)}`),
  level.map((one) => `hedgerow/${one}/info`),
  fc.constant('homeassistant/status'),
  fc.string(),
);
const payload = fc.oneof(
  fc.string(),
  fc.constantFrom('ON', 'OFF', '10m', '1h', 'morning', 'online', '{"up":-1,"down":1e400}', '{"up":null}'),
  fc.json(),
);

it('rubbish on its topics is never an exception, nor a command that nobody gave', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(topic, payload, fc.boolean()), { maxLength: 20 }),
      async (messages) => {
        const home = fakeHome();
        const name = new RouterName('attic', peer(1));
        const clock = new FakeClock();
        const options = { methods: () => home.methods, prefix: 'homeassistant', name, clock };
        const ha = new HomeAssistant({ ...options, log: silentLog });
        const first = ha.turn(recentOf(), never);
        const early = messages.map(([where, what]) => ({ topic: where, payload: what, retain: true }));
        for (const message of early)
          for (const { filter, on } of ha.hears)
            if (covers(filter, message.topic)) expect(await on(message, never)).toEqual([]);
        await clock.advance(300);
        const { retained } = await first;
        let meant = 0;
        for (const [where, what, retain] of messages) {
          const asked = commandOf(where);
          if (asked?.id === id(1) && !retain && wishOf(asked.what, what) !== undefined) meant += 1;
          for (const { filter, on } of ha.hears)
            if (covers(filter, where)) {
              const answers = await on({ topic: where, payload: what, retain }, never);
              // It answers under its own topics alone.
              for (const answer of answers) expect(retained?.has(answer.topic)).toBe(true);
            }
        }
        // Nothing is blocked in this home: lifting is no command.
        expect(home.commands.length).toBeLessThanOrEqual(meant);
        const told = (await ha.turn(recentOf(1, 1, 1), never)).retained;
        const { up, down } = JSON.parse(told?.get(`hedgerow/home/ha/d_${id(1)}`) ?? '');
        for (const bytes of [up, down]) expect(Number.isSafeInteger(bytes) && bytes >= 0).toBe(true);
      },
    ),
  );
});

it('much rubbish on its topics is counted, and its switches go on working', {
  timeout: PATIENCE_MS,
}, async () => {
  const home = fakeHome();
  const clock = new FakeClock();
  const options = { methods: () => home.methods, prefix: 'homeassistant', clock };
  const ha = new HomeAssistant({ ...options, name: new RouterName('attic', peer(1)), log: silentLog });
  const first = ha.turn(recentOf(), never);
  await clock.advance(300);
  await first;
  const samples = fc.sample(fc.tuple(topic, payload, fc.boolean()), Math.min(RUBBISH, 20_000));
  const hears = ha.hears;
  const say = async (message: { topic: string; payload: string; retain: boolean }) => {
    const heard = hears.filter(({ filter }) => covers(filter, message.topic));
    for (const { on } of heard) await on(message, never);
  };
  let told = 0;
  const batch = async () => {
    const from = (10 * told++) % samples.length;
    const some = samples.slice(from, from + 10);
    await Promise.all(some.map(([where, what, retain]) => say({ topic: where, payload: what, retain })));
    home.commands.length = 0;
    return 10;
  };
  const honest = async () => {
    const before = ha.counters.commands;
    await say({ topic: `hedgerow/home/request/ha/${id(1)}/block`, payload: 'ON', retain: false });
    expect(ha.counters.commands).toBeGreaterThan(before);
  };
  await withstands(honest, batch);
  expect(ha.counters.rubbish).toBeGreaterThan(RUBBISH / 10);
  expect(ha.counters.failed).toBe(0);
});
