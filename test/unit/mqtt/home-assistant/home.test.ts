import { beforeEach, describe, expect, it } from 'vitest';
import type { Recent } from '../../../../src/control/recent.ts';
import { silentLog } from '../../../../src/log.ts';
import { HomeAssistant } from '../../../../src/mqtt/home-assistant/home.ts';
import { HomeAssistantRouter } from '../../../../src/mqtt/home-assistant/router.ts';
import type { Arrived, Message } from '../../../../src/mqtt/link.ts';
import type { Turn } from '../../../../src/mqtt/publication.ts';
import { Retained } from '../../../../src/mqtt/retained.ts';
import { RouterName } from '../../../../src/mqtt/router-name.ts';
import { covers } from '../../../../src/mqtt/topic-filter.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { FakeLink } from '../../../support/fake-link.ts';
import {
  deviceView,
  fakeHome,
  id,
  peer,
  placeOf,
  recentOf,
  refuse,
} from '../../../support/home-assistant.ts';
import { allWrongIn, wrongIn } from '../../../support/mqtt-schemas.ts';

const TV = `d_${id(1)}`;
const CONFIG = `homeassistant/device/hedgerow_${TV}/config`;
const STATE = `hedgerow/home/ha/${TV}`;
const SWITCH = `hedgerow/home/request/ha/${id(1)}/block`;
const BUTTON = `hedgerow/home/request/ha/${id(1)}/pause`;
const never = new AbortController().signal;

let home = fakeHome();
let clock = new FakeClock();
let ha = make();
function make(prefix = 'homeassistant'): HomeAssistant {
  const name = new RouterName('attic', peer(1));
  return new HomeAssistant({ methods: () => home.methods, prefix, name, clock, log: silentLog });
}

beforeEach(() => {
  home = fakeHome();
  clock = new FakeClock();
  ha = make();
});

let versions = 0;
/** A turn in which everything has changed. */
async function told(): Promise<ReadonlyMap<string, string>> {
  versions += 1;
  return (await turn(recentOf(0, versions))).retained ?? new Map();
}

/** Who begins to speak listens for a moment. */
async function turn(recent: Recent): Promise<Turn> {
  const turning = ha.turn(recent, never);
  await clock.advance(300);
  const turned = await turning;
  expect(allWrongIn(turned.messages, turned.retained)).toEqual([]);
  return turned;
}
const state = async () => JSON.parse((await told()).get(STATE) ?? '{}');

async function hear(topic: string, payload: string, retain = false): Promise<readonly Message[]> {
  const message: Arrived = { topic, payload, retain };
  const answers = ha.hears.filter(({ filter }) => covers(filter, topic)).map(({ on }) => on(message, never));
  const messages = (await Promise.all(answers)).flat();
  expect(allWrongIn(messages)).toEqual([]);
  return messages;
}

describe('what is retained', () => {
  it('is an announcement, a state and an availability for each device, and the routers before them', async () => {
    const retained = await told();
    const topics = [...retained.keys()];
    expect(topics[0]).toBe(`homeassistant/device/hedgerow_r_${peer(1).slice(0, 16)}/config`);
    expect(topics.filter((topic) => topic.includes(id(1)))).toEqual([CONFIG, STATE, `${STATE}/availability`]);
    expect(JSON.parse(retained.get(STATE) ?? '')).toEqual({
      block: 'OFF',
      connected: 'ON',
      down: 1000,
      up: 50,
    });
    expect(retained.get(`${STATE}/availability`)).toBe('online');
    expect(JSON.parse(retained.get(CONFIG) ?? '').dev.via_device).toBe(`hedgerow_r_${peer(1).slice(0, 16)}`);
    for (const topic of topics) expect(ha.owns.some((filter) => covers(filter, topic))).toBe(true);
    for (const topic of topics) expect(ha.isOwn(topic)).toBe(true);
  });

  it('follows names, and goes with a device that was merged into another', async () => {
    await told();
    home.devices = [deviceView(1, 'Cinema', { ids: [id(1), id(2)] })];
    const retained = await told();
    expect(JSON.parse(retained.get(CONFIG) ?? '').dev).toMatchObject({
      name: 'Cinema',
      ids: [`hedgerow_${TV}`],
    });
    expect([...retained.keys()].some((topic) => topic.includes(id(2)))).toBe(false);
  });

  it('leaves out a randomised MAC that was not seen for 30 days', async () => {
    const day = 86_400;
    const phone = (days: number) =>
      deviceView(2, 'phone', { randomisedMac: true, places: [], seenSecondsAgo: days * day });
    home.devices = [phone(29)];
    expect([...(await told()).keys()].some((topic) => topic.includes(id(2)))).toBe(true);
    home.devices = [phone(31)];
    expect([...(await told()).keys()].some((topic) => topic.includes(id(2)))).toBe(false);
    home.devices = [deviceView(2, 'TV', { seenSecondsAgo: 400 * day, places: [] })];
    expect([...(await told()).keys()].some((topic) => topic.includes(id(2)))).toBe(true);
  });

  it('has 500 devices at most, those with a name first, and counts the others', async () => {
    home.devices = Array.from({ length: 620 }, (_, n) =>
      deviceView(n, `d${n}`, { given: n > 610 ? ['x'] : [] }),
    );
    const configs = [...(await told()).keys()].filter((topic) => topic.includes('hedgerow_d_'));
    expect(configs.length).toBe(500);
    expect(configs.some((topic) => topic.includes(id(619)))).toBe(true);
    expect(ha.counters.left).toBe(120);
  });

  it('clears what is ours and not wanted, and nothing that others announce', async () => {
    const link = new FakeLink();
    const [gone, foreign] = [CONFIG.replace(id(1), id(99)), 'homeassistant/device/0x00124b/config'];
    for (const topic of [gone, foreign]) link.publish({ topic, payload: '{}', retain: true });
    const kept = new Retained(link, (topic) => ha.isOwn(topic));
    kept.listen(ha.owns);
    kept.step(await told());
    expect(link.retained.has(gone)).toBe(false);
    expect(link.retained.get(foreign)).toBe('{}');
    expect(link.retained.has(CONFIG)).toBe(true);
  });

  it('knows a router that is on the broker by its name there', async () => {
    const shed = `homeassistant/device/hedgerow_r_${peer(2).slice(0, 16)}/config`;
    expect(Object.keys(JSON.parse((await told()).get(shed) ?? '').cmps)).toEqual(['connected']);
    await hear('hedgerow/shed-2/info', JSON.stringify({ member: peer(2) }), true);
    await hear('hedgerow/x/info', 'rubbish');
    const { cmps } = JSON.parse((await told()).get(shed) ?? '');
    expect(cmps.policies).toMatchObject({
      stat_t: 'hedgerow/shed-2/ha',
      avty: [{ t: 'hedgerow/shed-2/state' }],
    });
  });

  it('is looked at when something has changed, policies at once and the rest every few seconds', async () => {
    await turn(recentOf(1, 1, 1));
    expect((await turn(recentOf(2, 1, 1))).retained).toBeUndefined();
    expect((await turn(recentOf(2, 2, 1))).retained).toBeDefined();
    await clock.advance(4_500);
    expect((await turn(recentOf(2, 2, 1))).retained).toBeUndefined();
    await clock.advance(1_000);
    expect((await turn(recentOf(3, 2, 1))).retained).toBeDefined();
  });
});

describe('bytes', () => {
  it('are told every 30 s at most, switches at once', async () => {
    await told();
    home.devices = [deviceView(1, 'TV', { places: [placeOf('attic', 5_000, 60)], internetBlockedBy: ['x'] })];
    expect(await state()).toEqual({ block: 'ON', connected: 'ON', down: 1000, up: 50 });
    await clock.advance(30_000);
    expect(await state()).toMatchObject({ down: 5000, up: 60 });
  });

  it('never grow less: not when a router goes, forgets, or another one speaks for the home', async () => {
    const down = async (...places: ReturnType<typeof placeOf>[]) => {
      home.devices = [deviceView(1, 'TV', { places })];
      await clock.advance(30_000);
      return (await state()).down;
    };
    expect(await down(placeOf('attic', 100, 1), placeOf('shed', 1_000, 1))).toBe(1_100);
    expect(await down(placeOf('attic', 150, 1))).toBe(1_150);
    expect(await down(placeOf('attic', 150, 1), placeOf('shed', 1_010, 1))).toBe(1_160);
    expect(await down(placeOf('attic', 0, 1), placeOf('shed', 1_010, 1))).toBe(1_160);
    expect(await down(placeOf('attic', 40, 1), placeOf('shed', 1_010, 1))).toBe(1_200);
    ha = make();
    await hear(STATE, JSON.stringify({ block: 'OFF', down: 1_200, up: 9 }), true);
    expect(await down(placeOf('attic', 50, 1))).toBe(1_200);
    expect(await down(placeOf('attic', 60, 1))).toBe(1_210);
  });

  it('are unknown where nobody counts', async () => {
    home.devices = [deviceView(1, 'TV', { places: [], bytesHere: undefined, router: undefined })];
    expect(await state()).toEqual({ block: 'OFF', connected: 'OFF', down: null, up: null });
  });
});

describe('what is switched', () => {
  it('is a block of the home by home-assistant; the state is told at once', async () => {
    await told();
    home.onCommand = () => {
      home.devices = [deviceView(1, 'TV', { internetBlockedBy: ['p'] })];
    };
    const [answer] = await hear(SWITCH, 'ON');
    expect(home.commands).toEqual([
      ['block', { by: 'home-assistant', first: `id:${id(1)}`, second: 'internet', wait: false }],
    ]);
    expect(answer).toMatchObject({ topic: STATE, retain: true });
    expect(JSON.parse(answer?.payload ?? '').block).toBe('ON');
  });

  it('lifts what was made for the device, and makes an exception to what is wider', async () => {
    const side = (kind: string, of = {}) => ({ subject: { kind, ...of } });
    const policy = (pid: string, a: object) => ({ id: pid, kind: 'block', a, b: side('internet') });
    home.policies = [
      policy('own/0', side('device', { id: id(1) })),
      policy('group/0', side('group', { group: 'kids' })),
      policy('other/0', side('device', { id: id(2) })),
    ];
    home.devices = [deviceView(1, 'TV', { internetBlockedBy: ['own/0', 'group/0'] })];
    await told();
    await hear(SWITCH, 'OFF');
    expect(home.commands.map(([name, { first, second }]) => [name, first, second])).toEqual([
      ['unblock', 'own/0', undefined],
      ['allow', `id:${id(1)}`, 'internet'],
    ]);
  });

  it('lifts a block that came by a node it was told apart from by naming the pair', async () => {
    home.policies = [
      { id: 'was/0', a: { subject: { kind: 'device', id: id(7) } }, b: { subject: { kind: 'internet' } } },
    ];
    home.devices = [deviceView(1, 'TV', { internetBlockedBy: ['was/0'] })];
    await told();
    await hear(SWITCH, 'OFF');
    expect(home.commands).toMatchObject([
      ['unblock', { first: `id:${id(1)}`, second: 'internet', all: true }],
    ]);
  });

  it('pauses for a while or till morning', async () => {
    await told();
    for (const length of ['10m', '1h', 'morning']) {
      await hear(BUTTON, length);
      expect(wrongIn({ topic: BUTTON, payload: length })).toBeUndefined();
    }
    expect(home.commands.map(([name, params]) => [name, params.for ?? params.until])).toEqual([
      ['pause', '10m'],
      ['pause', '1h'],
      ['pause', '07:00'],
    ]);
  });

  it('goes back when the command fails', async () => {
    await told();
    home.onCommand = refuse;
    const [answer] = await hear(SWITCH, 'ON');
    expect(JSON.parse(answer?.payload ?? '').block).toBe('OFF');
    expect(ha.counters).toMatchObject({ commands: 0, failed: 1 });
  });

  it('is not heard when the broker had kept it, nor for what is not announced', async () => {
    await told();
    await hear(SWITCH, 'ON', true);
    await hear(SWITCH.replace(id(1), id(99)), 'ON');
    await hear(SWITCH, 'on');
    await hear(BUTTON, '2h');
    expect([
      wrongIn({ topic: SWITCH, payload: 'on' }),
      wrongIn({ topic: BUTTON, payload: '2h' }),
    ]).not.toContain(undefined);
    expect(home.commands).toEqual([]);
    expect(ha.counters.rubbish).toBe(4);
  });
});

it('says everything again when Home Assistant is born, a part in each turn', async () => {
  home.devices = Array.from({ length: 150 }, (_, n) => deviceView(n, `d${n}`));
  const retained = await told();
  await hear('homeassistant/status', 'offline');
  await hear('homeassistant/status', 'online', true);
  expect((await turn(recentOf(0, versions))).messages).toEqual([]);
  await hear('homeassistant/status', 'online');
  const parts: Message[][] = [];
  for (let n = 0; n < 4; n++) parts.push([...(await turn(recentOf(0, versions))).messages]);
  expect(parts.map(({ length }) => length)).toEqual([200, 200, 54, 0]);
  expect(new Map(parts.flat().map(({ topic, payload }) => [topic, payload]))).toEqual(new Map(retained));
  expect(
    parts
      .flat()
      .slice(0, 152)
      .every(({ topic }) => topic.endsWith('/config')),
  ).toBe(true);
  expect(make('other').hears.map(({ filter }) => filter)).toContain('other/status');
});

it('a router tells of itself what only it knows', async () => {
  const router = new HomeAssistantRouter({
    methods: () => home.methods,
    name: new RouterName('attic', peer(1)),
    clock,
  });
  home.policies = [{ inForce: true }, { inForce: false }];
  const { retained } = await router.turn(recentOf(), never);
  expect(allWrongIn([], retained)).toEqual([]);
  const told = JSON.parse(retained?.get('hedgerow/attic/ha') ?? '');
  expect(told).toMatchObject({ reachable: 2, policies: 1, problem: 'OFF' });
  expect(told.last_sync).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d[05]:00\.000Z$/);
  expect((await router.turn(recentOf(), never)).retained).toBeUndefined();
});
