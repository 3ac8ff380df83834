import { describe, expect, it } from 'vitest';
import { allow, block } from '../../../src/control/commands/block.ts';
import { removeFromGroup } from '../../../src/control/commands/groups.ts';
import { ignore } from '../../../src/control/commands/ignore.ts';
import { policiesView } from '../../../src/control/views/policies.ts';
import { isNamed, shortId } from '../../../src/control/views/shown.ts';
import {
  type BlockSet,
  emptyBlockSet,
  freeOwner,
  type Owner,
  ROUTER,
} from '../../../src/policy/block-set.ts';
import { key } from '../../support/household.ts';
import { answer } from '../../support/parts.ts';
import { type House, house, how, put } from './two-devices.ts';

const onlyOne = (parts: House, set?: Partial<BlockSet>) => {
  const view = policiesView(
    set === undefined ? parts : { ...parts, blockSet: () => ({ ...emptyBlockSet, ...set }) },
  );
  expect(view).toHaveLength(1);
  return view[0];
};
const here = (parts: House, set?: Partial<BlockSet>) => onlyOne(parts, set)?.here;
const owners = (parts: House, entry: Partial<Owner>) =>
  new Map([
    [
      parts.tv,
      { ...freeOwner, id: parts.tv, addresses: new Set<string>(), macs: new Set<string>(), ...entry },
    ],
  ]);

describe('what a policy is shown as', () => {
  it('counts every kind of entry that it brought', async () => {
    const parts = house();
    await block(parts, { ...how, first: 'tv' });
    const id = onlyOne(parts)?.id ?? '';
    const wanted = [id];
    for (const [entry, counts] of [
      [
        {
          remotes: new Map([
            ['a', wanted],
            ['b', wanted],
          ]),
        },
        { addresses: 2 },
      ],
      [{ networks: new Map([['n', wanted]]) }, { networks: 1 }],
      [{ internet: wanted }, { wide: 1 }],
      [{ lan: wanted }, { wide: 1 }],
      [{ exceptions: new Map([['a', wanted]]) }, { addresses: 1 }],
      [{ exceptedNetworks: new Map([['n', wanted]]) }, { networks: 1 }],
    ] as const) {
      const expected = { addresses: 0, networks: 0, wide: 0, ...counts, enforced: true, why: undefined };
      expect(here(parts, { owners: owners(parts, entry) })).toEqual(expected);
    }
    expect(here(parts, { everyone: new Map([['a', wanted]]) })).toMatchObject({ addresses: 1 });
  });

  it('says why it is not in the kernel: guard, cap, nothing seen, this router only observes', async () => {
    const parts = house();
    await block(parts, { ...how, first: 'tv', second: 'nobody.example' });
    const record = onlyOne(parts)?.id ?? '';
    const spared = (why: 'guard' | 'cap') => ({ spared: [{ record, address: '192.168.1.1', why }] });
    expect(here(parts, spared('guard'))?.why).toBe('192.168.1.1 is guarded');
    expect(here(parts, spared('cap'))?.why).toMatch(/more addresses than/);
    expect(here(parts)?.why).toMatch(/no address is known/);
    parts.kernel.enforcing = false;
    expect(here(parts)?.why).toMatch(/not been brought up to date/);
    const observing = { name: 'observer', detail: 'only observing: ipset is not installed' };
    expect(here({ ...parts, backend: observing })?.why).toBe(observing.detail);
  });

  it('is not in the kernel as long as that has not taken it', async () => {
    const parts = house();
    await block(parts, { ...how, first: 'tv' });
    const held = { ...emptyBlockSet, owners: owners(parts, { internet: [onlyOne(parts)?.id ?? ''] }) };
    const given = (before: BlockSet) =>
      here(
        Object.assign(parts, { enforcer: { ...parts.enforcer, underWay: () => ({ seconds: 0, before }) } }),
        held,
      );
    expect(given(emptyBlockSet)).toMatchObject({
      enforced: false,
      why: 'not yet: the kernel is being given it',
    });
    expect(given(held)).toMatchObject({ enforced: true, why: undefined });
  });

  it('says what a schedule or a trial waits for', async () => {
    const parts = house();
    await block(parts, { ...how, first: 'tv', schedule: 'daily 06:00-07:00' });
    expect(onlyOne(parts)).toMatchObject({
      time: 'daily 06:00-07:00: next at tomorrow 06:00',
      here: { enforced: false, why: expect.stringMatching(/^not now: daily/) },
    });
    const trying = house();
    await block(trying, { ...how, first: 'tv', trial: '90s' });
    await trying.clock.advance(30_000);
    expect(onlyOne(trying)?.time).toBe('1 min left, counted here');
    await trying.clock.advance(60_000);
    expect(here(trying)?.why).toBe('not now: ended');
  });

  it('names the exception to it', async () => {
    const parts = house();
    await put(parts, 'kids', 'tv');
    await block(parts, { ...how, first: 'kids', second: 'ads.example' });
    await allow(parts, { ...how, first: 'tv', second: 'ads.example' });
    const [blocked, allowed] = policiesView(parts).sort((x) => (x.kind === 'block' ? -1 : 1));
    expect(blocked?.here.why).toBe(`excepted by policy ${allowed?.id.slice(0, 8)}`);
    expect(allowed?.here.why).toBe('nothing wider is blocked here');
  });

  it('says when nobody is in its group', async () => {
    const parts = house();
    await put(parts, 'kids', 'tv');
    await block(parts, { ...how, first: 'kids' });
    await removeFromGroup(parts, { ...how, group: 'kids', subjects: ['tv'] });
    expect(here(parts)?.why).toBe('nobody is in the group kids');
  });

  it('says that a router is no device, which no command writes', async () => {
    const parts = house();
    const router = { kind: 'router', peer: parts.key.peer } as const;
    const a = { kind: 'device', id: parts.tv } as const;
    await parts.author.write(
      { by: 'anna', add: [{ kind: 'block', a, b: router, terms: {}, apart: [] }] },
      false,
    );
    expect(here(parts)).toMatchObject({ enforced: false, why: 'not enforceable here: the router itself' });
  });

  it.each([
    ['here', 0, 'internet', undefined, true, undefined],
    [
      'where nobody asked',
      0,
      'internet',
      'enforce.ownTraffic is off',
      false,
      'not enforceable here: enforce.ownTraffic is off',
    ],
    ['elsewhere', 1, 'internet', undefined, false, "not enforceable here: another router's own traffic"],
    [
      'without the LAN',
      0,
      'lan',
      undefined,
      false,
      'not enforceable: without the LAN nobody could reach the router any more',
    ],
  ] as const)('says whether a router itself is cut %s', async (_, of, far, why, enforced, told) => {
    const parts = { ...house(), ownTraffic: () => why };
    const a = { kind: 'router', peer: key(of).peer } as const;
    const made = await parts.author.write(
      { by: 'anna', add: [{ kind: 'block', a, b: { kind: far }, terms: {}, apart: [] }] },
      false,
    );
    const own = { ...freeOwner, id: ROUTER, addresses: new Set<string>(), macs: new Set<string>() };
    const set = { own: { ...own, internet: [`${made.op.id}/0`] } };
    expect(here(parts, set)).toMatchObject({ enforced, why: told, wide: enforced ? 1 : 0 });
  });

  it('shows what is ignored', async () => {
    const parts = house();
    await ignore(parts, { ...how, what: 'tv' });
    expect(onlyOne(parts)).toMatchObject({ kind: 'ignore', a: { label: 'tv' }, here: { enforced: false } });
  });

  it('names what shares an address, a bounded number of it', async () => {
    const parts = house();
    for (let n = 0; n < 30; n++) answer(parts, `site${n}.example`, '203.0.113.20');
    await block(parts, { ...how, confirm: true, first: 'ads.example' });
    expect(onlyOne(parts)?.alsoAffects).toHaveLength(20);
    expect(onlyOne(parts)?.alsoAffectsMore).toBe(10);
  });

  it.each([
    ['a pattern', '*.ads.example', ['video.example']],
    ['a network', '203.0.113.0/24', ['ads.example', 'sub.ads.example', 'video.example']],
    ['an address', '203.0.113.20', ['ads.example', 'sub.ads.example', 'video.example']],
  ])('of %s too', async (_, first, names) => {
    const parts = house();
    answer(parts, 'sub.ads.example', '203.0.113.20');
    answer(parts, 'video.example', '203.0.113.20');
    answer(parts, 'far.example', '198.51.100.1');
    await block(parts, { ...how, first });
    expect(onlyOne(parts)?.alsoAffects).toEqual(names);
  });
});

describe('the short id of a policy', () => {
  const id = `${'ab'.repeat(32)}/3`;
  it('names it, with its place', () => {
    expect(shortId(id)).toBe('abababab/3');
    expect(shortId(`${'ab'.repeat(32)}/0`)).toBe('abababab');
  });
  it.each<[string, boolean]>([
    ['abababab', true],
    ['abababab/3', true],
    [id, true],
    ['abababab/2', false],
    ['ababa', false],
    ['bababa', false],
    ['tv', false],
  ])('%s: %s', (text, named) => expect(isNamed(id, text)).toBe(named));
});
