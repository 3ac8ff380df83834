import { expect, test } from 'vitest';
import { block } from '../../../../src/control/commands/block.ts';
import { policiesView } from '../../../../src/control/views/policies.ts';
import { type BlockSet, emptyBlockSet, freeOwner, type Owner } from '../../../../src/policy/block-set.ts';
import { see } from '../../../support/parts.ts';
import { type House, house, how } from '../two-devices.ts';

const TV = '192.168.1.20';
const PHONE = '192.168.1.30';
const PAST = 'not enforceable here: same switch';
const SOME = 'not between devices on the same switch';

const owner = (id: string, addresses: string[], entry: Partial<Owner>): Owner => ({
  ...freeOwner,
  id,
  addresses: new Set(addresses),
  macs: new Set(),
  ...entry,
});

/** What is shown of the only policy when the kernel holds these owners and the rules see inside these interfaces. */
function here(parts: House, owners: Owner[], sees: string[] = [], rest: Partial<BlockSet> = {}) {
  const set = { ...emptyBlockSet, owners: new Map(owners.map((one) => [one.id, one])), ...rest };
  const view = policiesView({
    ...parts,
    blockSet: () => set,
    seesInside: (name) => sees.includes(name),
  });
  expect(view).toHaveLength(1);
  return view[0]?.here;
}

async function blocked(second: string) {
  const parts = house();
  const { policies } = await block(parts, { ...how, first: 'tv', second, confirm: true });
  return { parts, wanted: [policies[0]?.id ?? ''] };
}

test('a pair of devices on one switch that the rules do not see is not enforced, and that is said', async () => {
  const { parts, wanted } = await blocked('phone');
  const pair = [
    owner(parts.tv, [TV], { remotes: new Map([[PHONE, wanted]]) }),
    owner(parts.phone, [PHONE], { remotes: new Map([[TV, wanted]]) }),
  ];
  expect(here(parts, pair)).toEqual({ enforced: false, why: PAST, addresses: 0, networks: 0, wide: 0 });
  expect(here(parts, pair, ['br-lan'])).toMatchObject({ enforced: true, why: undefined, addresses: 2 });
  // On another network of this router too, the phone is stopped there.
  parts.cache.apply({
    kind: 'neighbour',
    segment: 'attic/br-guest',
    interface: 'br-guest',
    address: '192.168.2.30',
    mac: '02:00:00:00:01:02',
    present: true,
    fresh: true,
  });
  const both = [PHONE, '192.168.2.30'];
  const more = [
    owner(parts.tv, [TV], { remotes: new Map(both.map((one) => [one, wanted])) }),
    owner(parts.phone, both, { remotes: new Map([[TV, wanted]]) }),
  ];
  expect(here(parts, more)).toMatchObject({ enforced: true, why: SOME, addresses: 3 });
  expect(here(parts, more.slice(1))).toMatchObject({ enforced: true, why: SOME, addresses: 1 });
});

test('what is about more than one switch is enforced, and what of it is not is said', async () => {
  const { parts, wanted } = await blocked('lan');
  const cut = (entry: Partial<Owner>) => [owner(parts.tv, [TV], entry)];
  expect(here(parts, cut({ lan: wanted }))).toMatchObject({ enforced: true, why: SOME, wide: 1 });
  expect(here(parts, cut({ lan: wanted }), ['br-lan'])).toMatchObject({ enforced: true, why: undefined });
  const network = (prefix: string) => cut({ networks: new Map([[prefix, wanted]]) });
  expect(here(parts, network('192.168.1.0/27'))).toMatchObject({ why: SOME });
  expect(here(parts, network('192.168.2.0/24'))).toMatchObject({ enforced: true, why: undefined });
  expect(here(parts, [], [], { everyone: new Map([[PHONE, wanted]]) })).toMatchObject({ why: SOME });
  expect(here(parts, cut({ internet: wanted }))).toMatchObject({ enforced: true, why: undefined });
});

test('a device alone on its network has nobody beside it', async () => {
  const { parts, wanted } = await blocked('lan');
  const alone = see(parts, '02:00:00:00:01:03', '192.168.9.9', 'camera');
  parts.cache.forget(['02:00:00:00:01:02']);
  expect(alone).not.toBe('');
  const one = owner(alone, ['192.168.9.9', TV], { lan: wanted });
  expect(here(parts, [one])).toMatchObject({ enforced: true, why: undefined });
});

test('a block tells it at once', async () => {
  const parts = house();
  const set = (id: string): BlockSet => ({
    ...emptyBlockSet,
    owners: new Map([
      [parts.tv, owner(parts.tv, [TV], { remotes: new Map([[PHONE, [id]]]) })],
      [parts.phone, owner(parts.phone, [PHONE], { remotes: new Map([[TV, [id]]]) })],
    ]),
  });
  const { notes } = await block(
    { ...parts, blockSet: () => set([...parts.replica.live.keys()][0] ?? ''), seesInside: () => false },
    { ...how, first: 'tv', second: 'phone' },
  );
  expect(notes).toContain(PAST);
});
