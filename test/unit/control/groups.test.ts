import { describe, expect, it } from 'vitest';
import { block } from '../../../src/control/commands/block.ts';
import { removeFromGroup } from '../../../src/control/commands/groups.ts';
import { unblock } from '../../../src/control/commands/unblock.ts';
import { GroupViews, groupsView } from '../../../src/control/views/groups.ts';
import { answer, see } from '../../support/parts.ts';
import { blocks, house, how, policies, put, usage } from './two-devices.ts';

const take = (parts: ReturnType<typeof house>, ...subjects: string[]) =>
  removeFromGroup(parts, { ...how, group: 'kids', subjects });

describe('a group', () => {
  it('is there as soon as something is in it', async () => {
    const parts = house();
    const view = await put(parts, 'kids', 'tv', '*.games.example', '198.51.100.0/24', 'new.example');
    expect(view).toMatchObject({
      changed: true,
      members: ['tv', '*.games.example', '198.51.100.0/24', 'new.example'],
    });
    expect(parts.asked).toEqual(['new.example']);
    expect(groupsView(parts)).toMatchObject([{ name: 'kids', members: [{}, {}, {}, {}], policies: [] }]);
    expect(parts.announced).toHaveLength(1);
  });

  it('takes nobody twice, in whatever capitals it is written', async () => {
    const parts = house();
    await put(parts, 'Kids', 'tv');
    expect(await put(parts, 'kids', 'tv')).toMatchObject({
      changed: false,
      members: [],
      group: { name: 'Kids' },
    });
    expect(parts.announced).toHaveLength(1);
  });

  it.each(['', ' kids', '-kids', 'kids!', 'home', 'Internet', 'all', 'a'.repeat(33), 'a\u0000b', 'a:b'])(
    'is not called %j',
    async (name) => {
      const parts = house();
      const trimmed = name === ' kids';
      const wanted = put(parts, name, 'tv');
      if (trimmed) expect((await wanted).group.name).toBe('kids');
      else await expect(wanted).rejects.toEqual(usage(/cannot be the name of a group/));
    },
  );

  it.each(['home', 'internet', 'lan', 'group:other'])('does not hold %s', async (subject) => {
    const parts = house();
    await put(parts, 'other', 'tv');
    await expect(put(parts, 'kids', subject)).rejects.toEqual(usage(/cannot be in a group/));
  });

  it('of devices is blocked from the internet, of others from the home; with itself it is not', async () => {
    const parts = house();
    await put(parts, 'kids', 'tv');
    await put(parts, 'trackers', 'ads.example');
    for (const first of ['kids', 'trackers']) await block(parts, { ...how, first });
    await block(parts, { ...how, first: 'trackers', second: 'kids' });
    expect(blocks(parts)).toEqual(['home|trackers', 'kids|internet', 'kids|trackers']);
    await expect(block(parts, { ...how, first: 'kids', second: 'kids' })).rejects.toEqual(
      usage(/are the same/),
    );
    const views = new GroupViews(parts).of('kids').policies.map(({ b }) => b.label);
    expect(views.sort()).toEqual(['internet', 'trackers']);
  });

  it('tells what its members share addresses with', async () => {
    const parts = house();
    answer(parts, 'video.example', '203.0.113.20');
    await put(parts, 'trackers', 'ads.example');
    const view = await block(parts, { ...how, first: 'trackers' });
    expect(view.alsoAffects).toEqual(['video.example']);
  });
});

describe('leaving a group', () => {
  it('writes the blocks of the group anew, naming the membership that ended', async () => {
    const parts = house();
    parts.known.apart = ['ab'.repeat(32).concat('/0')];
    await put(parts, 'kids', 'tv', 'phone');
    await block(parts, { ...how, first: 'kids' });
    await block(parts, { ...how, first: 'tv', second: 'ads.example' });
    const [membership] = parts.directory.groups().get('kids')?.members ?? [];
    expect(await take(parts, 'tv')).toMatchObject({ changed: true, members: ['tv'] });
    expect(blocks(parts)).toHaveLength(2);
    const group = policies(parts, 'block').find(({ record }) => record.a.kind === 'group');
    expect(group?.record).toMatchObject({ apart: [...parts.known.apart, membership?.id] });
    expect(new GroupViews(parts).of('kids').members.map(({ label }) => label)).toEqual(['phone']);
  });

  it('leaves a timed block the time that it still has, and an ended one alone', async () => {
    const parts = house();
    await put(parts, 'kids', 'tv', 'phone');
    await block(parts, { ...how, first: 'kids', for: '1h' });
    parts.time.trusted = false;
    await block(parts, { ...how, first: 'kids', second: 'ads.example', for: '10m' });
    await block(parts, { ...how, first: 'kids', second: 'lan', for: '2h' });
    await parts.clock.advance(20 * 60_000);
    parts.time.trusted = true;
    const [hour] = policies(parts, 'block');
    await take(parts, 'tv');
    const terms = policies(parts, 'block').map(({ record }) => record.terms);
    expect(terms).toEqual(
      expect.arrayContaining([{ for: 600 }, { for: 2_400, until: hour?.record.terms.until }, { for: 6_000 }]),
    );
  });

  it('is told by any name of the node, and refused for who is not in it', async () => {
    const parts = house();
    const other = see(parts, '02:00:00:00:01:09', '192.168.1.29');
    await put(parts, 'kids', 'tv');
    await expect(take(parts, 'phone')).rejects.toEqual(usage(/phone is not in the group kids/));
    parts.classes.push([parts.tv, other]);
    await take(parts, other.slice(0, 12));
    expect(parts.directory.groups().get('kids')).toBeUndefined();
    await expect(take(parts, 'tv')).rejects.toEqual(usage(/there is no group "kids"/));
  });

  it('with --dry-run writes nothing', async () => {
    const parts = house();
    await put(parts, 'kids', 'tv');
    const view = await removeFromGroup(parts, { ...how, dryRun: true, group: 'kids', subjects: ['tv'] });
    expect(view).toMatchObject({ dryRun: true, members: ['tv'], group: { members: [{ label: 'tv' }] } });
  });

  it('leaves its blocks to be lifted by its name, also when nobody is in it', async () => {
    const parts = house();
    await put(parts, 'kids', 'tv');
    await block(parts, { ...how, first: 'kids' });
    await take(parts, 'tv');
    await unblock(parts, { ...how, all: false, first: 'kids' });
    expect(blocks(parts)).toEqual([]);
  });

  it('takes several ops when it would not go into one', async () => {
    const parts = house();
    await put(parts, 'kids', 'tv', 'phone');
    parts.known.apart = Array.from({ length: 200 }, (_, n) => `${n.toString(16).padStart(64, '0')}/0`);
    for (let n = 0; n < 8; n++) await block(parts, { ...how, first: 'kids', second: `site${n}.example` });
    const before = parts.announced.length;
    await take(parts, 'tv');
    expect(parts.announced.length - before).toBeGreaterThan(1);
    for (const { record } of policies(parts, 'block'))
      expect('apart' in record && record.apart).toHaveLength(201);
  });
});
