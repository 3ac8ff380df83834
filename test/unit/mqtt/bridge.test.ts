import { afterEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/log.ts';
import { Bridge } from '../../../src/mqtt/bridge.ts';
import type { Publication } from '../../../src/mqtt/publication.ts';
import { RouterName } from '../../../src/mqtt/router-name.ts';
import { HomeTopics } from '../../../src/mqtt/topics/home.ts';
import { Requests } from '../../../src/mqtt/topics/requests.ts';
import { RouterTopics } from '../../../src/mqtt/topics/router.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeBroker, FakeLink } from '../../support/fake-link.ts';
import { device, FakeHome, FakeRecent, id, policy } from '../../support/mqtt-home.ts';
import { wrongIn } from '../../support/mqtt-schemas.ts';

const LOW = '1'.repeat(64);
const MIDDLE = '5'.repeat(64);
const HIGH = '9'.repeat(64);

const bridges: Bridge[] = [];
const links: FakeLink[] = [];
afterEach(async () => {
  await Promise.all(bridges.splice(0).map((bridge) => bridge.stop()));
  // Every message of every test is as it is documented.
  const wrong = links
    .splice(0)
    .flatMap(({ published }) => published.flatMap((message) => wrongIn(message) ?? []));
  expect(wrong).toEqual([]);
});

/** @param more a broker of its own besides, and further publications */
async function router(
  clock: FakeClock,
  broker: FakeBroker,
  member: string,
  name: string,
  more: { embedded?: FakeLink; publications?: Publication[] } = {},
) {
  const home = new FakeHome(member, name);
  const routerName = new RouterName(name, member);
  const will = { topic: `${routerName.base}/state`, payload: 'offline', retain: true };
  const link = new FakeLink({ broker, will });
  const recent = new FakeRecent();
  const deps = { methods: () => home.methods, name: routerName, clock, log: silentLog };
  const bridge = new Bridge({
    links: [{ link, alone: false }, ...(more.embedded ? [{ link: more.embedded, alone: true }] : [])],
    publications: [
      new RouterTopics(deps),
      new HomeTopics(deps),
      new Requests(deps),
      ...(more.publications ?? []),
    ],
    recent,
    name: routerName,
    clock,
    log: silentLog,
  });
  await bridge.start(AbortSignal.timeout(60_000));
  bridges.push(bridge);
  links.push(link);
  return { home, link, recent, bridge, name: routerName };
}

const own = (broker: FakeBroker, prefix: string) =>
  [...broker.retained.keys()].filter((topic) => topic.startsWith(prefix)).sort();

describe('the bridge', () => {
  it('says what belongs to the router and to the home', async () => {
    const clock = new FakeClock();
    const broker = new FakeBroker();
    const { link } = await router(clock, broker, LOW, 'attic');
    expect(link.published).toEqual([]);
    await clock.advance(2_000);
    expect(own(broker, '')).toEqual([
      'hedgerow/attic/info',
      `hedgerow/attic/node/${id('1')}`,
      `hedgerow/attic/node/${id('2')}`,
      'hedgerow/attic/peers',
      'hedgerow/attic/policies',
      'hedgerow/attic/state',
      `hedgerow/home/node/${id('1')}`,
      `hedgerow/home/node/${id('2')}`,
      `hedgerow/home/node/${id('9')}`,
      'hedgerow/home/policies',
      'hedgerow/home/routers',
    ]);
    expect(broker.retained.get('hedgerow/attic/state')).toBe('online');
    const routers = JSON.parse(broker.retained.get('hedgerow/home/routers') ?? '');
    expect(routers.map(({ router: name }: { router: string }) => name)).toEqual(['attic', 'cellar']);
  });

  it('looks at views only when something has changed, or slowly', async () => {
    const clock = new FakeClock();
    const { home, recent, link } = await router(clock, new FakeBroker(), LOW, 'attic');
    await clock.advance(3_000);
    const before = link.published.length;
    const looks = home.looks.get('devices') ?? 0;
    await clock.advance(5_000);
    expect(home.looks.get('devices')).toBe(looks);
    expect(link.published.length).toBe(before);
    home.devices = [device('1', { label: 'television' })];
    home.policies = [policy('a'), policy('b')];
    recent.versions = { nodes: 1, policies: 1, peers: 0 };
    await clock.advance(2_000);
    expect(link.published.slice(before).map(({ topic }) => topic)).toContain(`hedgerow/home/node/${id('1')}`);
    expect(link.retained.has(`hedgerow/home/node/${id('2')}`)).toBe(false);
    expect(JSON.parse(link.retained.get('hedgerow/home/policies') ?? '')).toHaveLength(2);
  });

  it('tells of a merge before it empties the node', async () => {
    const clock = new FakeClock();
    const { home, recent, link } = await router(clock, new FakeBroker(), LOW, 'attic');
    await clock.advance(3_000);
    const before = link.published.length;
    home.devices = [device('1', { ids: [id('1'), id('2')] })];
    recent.versions = { nodes: 1, policies: 0, peers: 0 };
    await clock.advance(3_000);
    const said = link.published
      .slice(before)
      .map(({ topic, payload }) => `${topic} ${payload.slice(0, 120)}`);
    const merged = said.findIndex((text) => text.startsWith('hedgerow/home/admin'));
    const emptied = said.indexOf(`hedgerow/home/node/${id('2')} `);
    expect(said[merged]).toBe(`hedgerow/home/admin ${JSON.stringify({ id: id('2'), merged_to: id('1') })}`);
    expect(emptied).toBeGreaterThan(merged);
  });

  it('tells flows with names, drops and events', async () => {
    const clock = new FakeClock();
    const { recent, link } = await router(clock, new FakeBroker(), LOW, 'attic');
    await clock.advance(2_000);
    const flow = {
      device: id('1'),
      other: id('9'),
      otherIsDevice: false,
      protocol: 6,
      port: 443,
      up: { packets: 1, bytes: 100 },
      down: undefined,
      began: 1,
      ignored: false,
    };
    recent.next = {
      moved: [flow, { ...flow, port: 80, ignored: true }],
      dropped: [{ device: 'home', other: 'internet', packets: 2, bytes: 9 }],
      happenings: [{ at: '2026-11-01T00:00:00.000Z', kind: 'router', router: 'cellar', state: 'down' }],
      missed: 3,
    };
    await clock.advance(1_000);
    const [flows, event] = link.published.slice(-2);
    expect(flows?.topic).toBe('hedgerow/attic/flows');
    expect(JSON.parse(flows?.payload ?? '')).toEqual({
      flows: [
        {
          device: { id: id('1'), label: 'the 1111' },
          other: { id: id('9'), label: 'the 9999' },
          otherIsDevice: false,
          protocol: 'tcp',
          port: 443,
          up: { packets: 1, bytes: 100 },
          began: 1,
        },
      ],
      dropped: [
        {
          device: { id: 'home', label: 'the home' },
          other: { id: 'internet', label: 'the inte' },
          packets: 2,
          bytes: 9,
        },
      ],
      more: 3,
    });
    expect(event?.topic).toBe('hedgerow/attic/event');
  });

  it('goes on where a publication fails or hangs', async () => {
    const clock = new FakeClock();
    const hears: Publication['hears'] = [];
    const bad: Publication = {
      name: 'bad',
      scope: 'router',
      owns: [],
      hears,
      turn: async () => {
        if (clock.monotonic() < 20_000) throw new Error('broken');
        return { retained: undefined, messages: [] };
      },
    };
    const stuck: Publication = {
      ...bad,
      name: 'stuck',
      turn: async () => {
        await clock.sleep(20_000);
        return { retained: undefined, messages: [] };
      },
    };
    const broker = new FakeBroker();
    const { bridge } = await router(clock, broker, LOW, 'attic', { publications: [bad, stuck] });
    await clock.advance(8_000);
    expect(broker.retained.get('hedgerow/attic/state')).toBe('online');
    await clock.advance(5_000);
    expect(bridge.health().failures).toBeGreaterThan(3);
    expect(bridge.health().lastError).toMatch(/broken|stuck/);
    await clock.advance(10_000);
    expect(bridge.health().lastError).toMatch(/stuck/);
  });

  it('gathers nothing while nobody is connected', async () => {
    const clock = new FakeClock();
    const { link, recent } = await router(clock, new FakeBroker(), LOW, 'attic');
    link.disconnect();
    await clock.advance(5_000);
    expect(recent.takes).toBe(0);
    link.connect();
    await clock.advance(5_000);
    expect(recent.takes).toBeGreaterThan(2);
  });

  it('takes leave', async () => {
    const clock = new FakeClock();
    const broker = new FakeBroker();
    const { bridge, link } = await router(clock, broker, LOW, 'attic');
    await clock.advance(2_000);
    await bridge.stop();
    expect(broker.retained.get('hedgerow/attic/state')).toBe('offline');
    expect(link.filters()).toEqual([]);
  });
});

describe('several routers on one broker', () => {
  it('say what they have gathered although what the broker had kept comes late', async () => {
    const clock = new FakeClock();
    const payload = JSON.stringify({ id: id('1'), merged_to: id('2') });
    const once = [{ topic: 'hedgerow/home/admin', payload }];
    const slow: Publication = {
      name: 'slow',
      scope: 'home',
      owns: [],
      hears: [],
      turn: async (_, signal) => {
        await clock.sleep(300, signal);
        return { retained: undefined, messages: once.splice(0) };
      },
    };
    const { link } = await router(clock, new FakeBroker(), LOW, 'attic', { publications: [slow] });
    await clock.advance(1_100);
    link.deliver({ topic: 'hedgerow/barn/state', payload: 'offline', retain: true });
    await clock.advance(2_000);
    expect(link.published).toContainEqual({ topic: 'hedgerow/home/admin', payload });
  });

  it('have one that speaks for the home; the next takes over when it goes', async () => {
    const clock = new FakeClock();
    const broker = new FakeBroker();
    const high = await router(clock, broker, HIGH, 'attic');
    await clock.advance(3_000);
    const middle = await router(clock, broker, MIDDLE, 'barn');
    await clock.advance(3_000);
    const low = await router(clock, broker, LOW, 'cellar');
    await clock.advance(3_000);
    const speaking = () => [low, middle, high].map(({ bridge }) => bridge.health().links[0]?.speaks);
    expect(speaking()).toEqual([true, false, false]);
    const home = own(broker, 'hedgerow/home/');
    low.link.disconnect();
    await clock.advance(1_000);
    expect(speaking()).toEqual([false, true, false]);
    expect(own(broker, 'hedgerow/home/')).toEqual(home);
    const before = middle.link.published.length;
    middle.home.devices = [device('1')];
    middle.recent.versions = { nodes: 1, policies: 0, peers: 0 };
    await clock.advance(3_000);
    expect(middle.link.published.length).toBeGreaterThan(before);
    expect(broker.retained.has(`hedgerow/home/node/${id('2')}`)).toBe(false);
    low.link.connect();
    await clock.advance(3_000);
    expect(speaking()).toEqual([true, false, false]);
    expect(broker.retained.get('hedgerow/cellar/state')).toBe('online');
  });

  it('do not wait for ever for one that died with the broker', async () => {
    const clock = new FakeClock();
    const broker = new FakeBroker();
    broker.publish({ topic: 'hedgerow/dead/info', payload: JSON.stringify({ member: LOW }), retain: true });
    broker.publish({ topic: 'hedgerow/dead/state', payload: 'online', retain: true });
    const { bridge } = await router(clock, broker, HIGH, 'attic');
    await clock.advance(10_000);
    expect(bridge.health().links[0]?.speaks).toBe(false);
    await clock.advance(20_000);
    expect(bridge.health().links[0]?.speaks).toBe(true);
    await clock.advance(1_000);
    expect(broker.retained.get('hedgerow/dead/state')).toBe('offline');
    links.length = 0;
  });

  it('of one name: the lower member keeps it', async () => {
    const clock = new FakeClock();
    const broker = new FakeBroker();
    const high = await router(clock, broker, HIGH, 'attic');
    const low = await router(clock, broker, LOW, 'attic');
    await clock.advance(20_000);
    expect([low.name.base, high.name.base]).toEqual(['hedgerow/attic', 'hedgerow/attic-99999999']);
    expect(JSON.parse(broker.retained.get('hedgerow/attic/info') ?? '').member).toBe(LOW);
    expect(JSON.parse(broker.retained.get('hedgerow/attic-99999999/info') ?? '').member).toBe(HIGH);
    expect(low.bridge.health().links[0]?.speaks).toBe(true);
    expect(high.bridge.health().links[0]?.speaks).toBe(false);
    expect(low.link.published.length).toBeLessThan(100);
  });

  it('take over the name of one that is offline', async () => {
    const clock = new FakeClock();
    const broker = new FakeBroker();
    broker.publish({ topic: 'hedgerow/attic/info', payload: JSON.stringify({ member: LOW }), retain: true });
    broker.publish({ topic: 'hedgerow/attic/state', payload: 'offline', retain: true });
    const { name } = await router(clock, broker, HIGH, 'attic');
    await clock.advance(5_000);
    expect(name.base).toBe('hedgerow/attic');
    expect(broker.retained.get('hedgerow/attic/state')).toBe('online');
  });

  it('hear at once when a will of another says that they are offline', async () => {
    const clock = new FakeClock();
    const broker = new FakeBroker();
    await router(clock, broker, LOW, 'attic');
    await clock.advance(3_000);
    broker.publish({ topic: 'hedgerow/attic/state', payload: 'offline', retain: true });
    await clock.advance(1_000);
    expect(broker.retained.get('hedgerow/attic/state')).toBe('online');
  });

  it('have a broker of their own besides, on which each says everything', async () => {
    const clock = new FakeClock();
    const broker = new FakeBroker();
    await router(clock, broker, LOW, 'attic');
    await clock.advance(3_000);
    const embedded = new FakeLink({ name: 'embedded' });
    const { bridge, link } = await router(clock, broker, HIGH, 'barn', { embedded });
    await clock.advance(3_000);
    const home = own(broker, 'hedgerow/home/');
    expect(bridge.health().links.map(({ speaks }) => speaks)).toEqual([false, true]);
    expect(own(embedded.broker, 'hedgerow/home/')).toEqual(home);
    expect(link.published.filter(({ topic }) => topic.startsWith('hedgerow/home/'))).toEqual([]);
    expect(link.published.filter(({ topic }) => topic === 'hedgerow/barn/info')).toHaveLength(1);
    expect(embedded.published.filter(({ topic }) => topic === 'hedgerow/barn/info')).toHaveLength(1);
  });

  it('leave nothing of their first name on their own broker when another has it', async () => {
    const clock = new FakeClock();
    const broker = new FakeBroker();
    const embedded = new FakeLink({ name: 'embedded' });
    const { link } = await router(clock, broker, HIGH, 'attic', { embedded });
    await clock.advance(3_000);
    expect(embedded.retained.get('hedgerow/attic/state')).toBe('online');
    await router(clock, broker, LOW, 'attic');
    await clock.advance(5_000);
    expect(own(embedded.broker, 'hedgerow/attic/')).toEqual([]);
    expect(own(embedded.broker, 'hedgerow/attic-99999999/').length).toBeGreaterThan(3);
    expect(broker.retained.get('hedgerow/attic/state')).toBe('online');
    expect(link.filters()).toContain('hedgerow/attic-99999999/request/+');
    expect(link.filters()).not.toContain('hedgerow/attic/request/+');
  });

  it('cannot be called home', () => {
    expect(new RouterName('home', LOW).base).toBe('hedgerow/home-11111111');
  });
});

describe('requests', () => {
  const ask = async (payload: string, command = 'block', retain = false) => {
    const clock = new FakeClock();
    const broker = new FakeBroker();
    const { link, home } = await router(clock, broker, LOW, 'attic');
    await clock.advance(2_000);
    const before = link.published.length;
    if (retain) link.disconnect();
    broker.publish({ topic: `hedgerow/attic/request/${command}`, payload, retain });
    if (retain) link.connect();
    await clock.advance(retain ? 3_000 : 0);
    broker.retained.delete(`hedgerow/attic/request/${command}`);
    const answers = link.published
      .slice(before)
      .filter(({ topic }) => topic.includes('/response/'))
      .map(({ topic, payload: text }) => ({ topic, ...JSON.parse(text) }));
    return { answers, home, clock, link };
  };

  it('are run and answered with their transaction', async () => {
    const { answers, home } = await ask('{"first": "tv", "transaction": "x1"}');
    expect(answers).toEqual([
      { topic: 'hedgerow/attic/response/block', transaction: 'x1', status: 'ok', data: { changed: true } },
    ]);
    expect(home.calls).toEqual([{ name: 'block', params: { first: 'tv', by: 'mqtt' } }]);
  });

  it('are answered with what went wrong', async () => {
    const { answers } = await ask('{"first": "nobody", "transaction": 7}');
    const error = { name: 'UsageError', message: 'nobody is called so', hint: 'look', exitCode: 64 };
    expect(answers).toEqual([
      { topic: 'hedgerow/attic/response/block', transaction: 7, status: 'error', error },
    ]);
  });

  it.each([
    ['not JSON', 'x{', 'block', 'the request is not JSON'],
    ['no object', '[1]', 'block', 'the request is not a JSON object'],
    ['no parameters', '', 'block', /first/],
    ['unknown', '{}', 'nosuch', /no command/],
    ['long', `"${'x'.repeat(70_000)}"`, 'block', 'the request is too long'],
  ])('that are rubbish are told so: %s', async (_, payload, command, message) => {
    const { answers } = await ask(payload, command);
    expect(answers).toHaveLength(1);
    expect(answers[0]).toMatchObject({ status: 'error', error: { exitCode: 64 } });
    expect(answers[0].error.message).toMatch(message);
  });

  it('that the broker had kept are not run', async () => {
    const { answers, home } = await ask('{"first": "tv"}', 'block', true);
    expect(answers).toEqual([]);
    expect(home.calls).toEqual([]);
  });

  it('are run so many at a time, and not waited for for ever', async () => {
    const { link, clock } = await ask('{}', 'hang');
    for (let n = 0; n < 40; n++) link.arrive({ topic: 'hedgerow/attic/request/hang', payload: '{}' });
    await clock.advance(0);
    const responses = () => link.published.filter(({ topic }) => topic.endsWith('/response/hang'));
    expect(responses()).toHaveLength(25);
    await clock.advance(31_000);
    expect(responses()).toHaveLength(41);
  });
});
