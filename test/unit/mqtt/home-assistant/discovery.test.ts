import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { deviceDiscovery, routerDiscovery } from '../../../../src/mqtt/home-assistant/discovery.ts';
import { isConfigTopic, slug } from '../../../../src/mqtt/home-assistant/names.ts';
import { discoverySchema } from '../../../../src/mqtt/home-assistant/schemas.ts';
import { id, peer } from '../../../support/home-assistant.ts';

const fixtures = join(import.meta.dirname, '../../../fixtures/home-assistant');
const read = (name: string) => JSON.parse(readFileSync(join(fixtures, name), 'utf8'));
const check = new Ajv({ allErrors: true, strictSchema: false }).compile(read('device-discovery.schema.json'));
const problems = (payload: unknown) => (check(JSON.parse(JSON.stringify(payload))) ? [] : check.errors);
/** By our own schema, which has only what we say. */
const ours = (payload: unknown) => discoverySchema.safeParse(payload).error?.message;

describe('what is announced', () => {
  const tv = deviceDiscovery({ id: id(1), name: 'Lounge TV', vendor: 'Example', via: 'r_aa' }, 'attic');
  const attic = routerDiscovery({ peer: peer(1), name: 'attic', level: 'attic' }, 'attic');
  const away = routerDiscovery({ peer: peer(2), name: 'Shed é', level: undefined }, 'attic');

  it('is what Home Assistant documents, as its sample is', () => {
    expect(problems(read('device-discovery.json').payload)).toEqual([]);
    for (const payload of [tv, attic, away]) expect(problems(payload)).toEqual([]);
    const bare = deviceDiscovery({ id: id(2), name: '名前', vendor: undefined, via: undefined }, 'attic');
    expect(problems(bare)).toEqual([]);
    for (const payload of [tv, attic, away, bare]) expect(ours(payload)).toBeUndefined();
  });

  it('is checked: an unknown key in the root, a deprecated or a misspelt option are found', () => {
    expect(problems({ ...tv, extra: 1 })).not.toEqual([]);
    expect(ours({ ...tv, extra: 1 })).toBeDefined();
    const block = { ...tv.cmps.block, object_id: 'lounge_tv' };
    expect(problems({ ...tv, cmps: { ...tv.cmps, block } })).not.toEqual([]);
    expect(ours({ ...tv, cmps: { ...tv.cmps, block } })).toBeDefined();
    const { p, unique_id } = tv.cmps.block ?? {};
    expect(problems({ ...tv, cmps: { block: { p, unique_id } } })).not.toEqual([]);
  });

  it('has a switch, bytes, presence and a button for each pause', () => {
    expect(Object.keys(tv.cmps)).toEqual([
      'block',
      'down',
      'up',
      'connected',
      'pause_10m',
      'pause_1h',
      'pause_morning',
    ]);
    expect(tv.cmps.down).toMatchObject({
      dev_cla: 'data_size',
      stat_cla: 'total_increasing',
      unit_of_meas: 'B',
      default_entity_id: 'sensor.lounge_tv_downloaded',
    });
    expect(JSON.stringify([tv, attic, away])).not.toContain('object_id');
    for (const { p, default_entity_id } of Object.values({ ...tv.cmps, ...attic.cmps }))
      expect(default_entity_id.startsWith(`${p}.`)).toBe(true);
  });

  it('has unique ids that are of the device alone, whatever it is called', () => {
    const renamed = deviceDiscovery({ id: id(1), name: 'TV', vendor: undefined, via: undefined }, 'shed');
    const ids = (of: typeof tv) => Object.values(of.cmps).map(({ unique_id }) => unique_id);
    expect(ids(renamed)).toEqual(ids(tv));
    expect(new Set([...ids(tv), ...ids(attic), ...ids(away)]).size).toBe(7 + 5 + 1);
  });

  it('tells a device by the agent that speaks and by itself; it can be blocked while it is away', () => {
    expect(tv).toMatchObject({
      avty: [{ t: 'hedgerow/attic/state' }, { t: `hedgerow/home/ha/d_${id(1)}/availability` }],
      avty_mode: 'all',
    });
    expect(tv.cmps.block?.avty).toEqual([{ t: 'hedgerow/attic/state' }]);
  });
});

it.each([
  ['Living room TV', 'living_room_tv'],
  ["Zoë's  iPad!", 'zoe_s_ipad'],
  ['名前', 'unnamed'],
  ['__a__', 'a'],
])('%s is %s in entity ids', (name, expected) => {
  expect(slug(name)).toBe(expected);
});

it('leaves alone what others announce', () => {
  expect(isConfigTopic('homeassistant', 'homeassistant/device/hedgerow_d_12ab/config')).toBe(true);
  expect(isConfigTopic('homeassistant', 'homeassistant/device/0x00124b/config')).toBe(false);
  expect(isConfigTopic('a/b', 'homeassistant/device/hedgerow_d_12ab/config')).toBe(false);
});

it('the example of a dashboard has the entities that a device and a router of those names get', () => {
  const text = readFileSync(
    join(import.meta.dirname, '../../../../configs/home-assistant/dashboard.yaml'),
    'utf8',
  );
  const dashboard = parse(text);
  expect(dashboard.views.map(({ path }: { path: string }) => path)).toEqual(['home', 'routers']);
  const tv = deviceDiscovery({ id: id(1), name: 'Living room TV', vendor: undefined, via: undefined }, 'a');
  const router = routerDiscovery({ peer: peer(1), name: 'attic', level: 'attic' }, 'a');
  const given = [tv, router].flatMap(({ cmps }) => Object.values(cmps).map((one) => one.default_entity_id));
  const used = new Set(text.match(/\b(switch|sensor|binary_sensor|button)\.[a-z0-9_]+/g));
  expect([...used].sort()).toEqual(given.sort());
});
