import { describe, expect, it } from 'vitest';
import { methodsOf } from '../../../../src/control/methods.ts';
import type { DeviceView } from '../../../../src/control/views/nodes.ts';
import type { PolicyView } from '../../../../src/control/views/policies.ts';
import { fulfil, type Wish } from '../../../../src/mqtt/home-assistant/commands.ts';
import { look } from '../../../../src/mqtt/look.ts';
import { emptyBlockSet, freeOwner, type Owner } from '../../../../src/policy/block-set.ts';
import { fakeParts, see } from '../../../support/parts.ts';

/** A router with a TV and its own commands; of what is decided only the internet of devices is. */
function router() {
  const parts = fakeParts();
  const tv = see(parts, '02:00:00:00:01:01', '192.168.1.20', 'tv');
  const methods = methodsOf({
    ...parts,
    blockSet: () => {
      const live = [...parts.replica.live.values()];
      const allowed = live.some(({ record }) => record.kind === 'allow');
      const own = live.filter(({ record }) => record.kind === 'block' && record.a.kind === 'device');
      const wide = live.filter(({ record }) => record.kind === 'block' && record.a.kind !== 'device');
      const by = [...own, ...(allowed ? [] : wide)].map(({ id }) => id);
      const owner: Owner = {
        ...freeOwner,
        id: tv,
        addresses: new Set(),
        macs: new Set(),
        internet: by.length > 0 ? by : undefined,
      };
      return { ...emptyBlockSet, owners: new Map([[tv, owner]]) };
    },
  });
  const device = async () => (await look(methods, 'devices')).find(({ id }) => id === tv) as DeviceView;
  const wish = async (of: Wish) => fulfil(methods, await device(), of);
  const policies = async () => (await look(methods, 'policies')).map(inShort).sort();
  return { parts, methods, device, wish, policies };
}

const inShort = ({ kind, a, b, by, inForce }: PolicyView) =>
  `${kind} ${a.label} ${b.label} by ${by}${inForce ? '' : ' (not now)'}`;

describe('what Home Assistant asks for, by the commands that every door has', () => {
  it('a switch is a block of the home by home-assistant, and lifts it again', async () => {
    const { device, wish, policies } = router();
    expect((await device()).internetBlockedBy).toEqual([]);
    await wish({ do: 'block' });
    expect(await policies()).toEqual(['block tv internet by home-assistant']);
    expect((await device()).internetBlockedBy.length).toBe(1);
    await wish({ do: 'lift' });
    expect(await policies()).toEqual([]);
  });

  it('lifts what somebody else has made, and leaves a block of the home to the others', async () => {
    const { methods, device, wish, policies } = router();
    await methods.get('block')?.run({ first: 'tv', by: 'anna', for: '2h' });
    await methods.get('block')?.run({ first: 'home', by: 'anna', confirm: true });
    await wish({ do: 'lift' });
    expect(await policies()).toEqual(['allow tv internet by home-assistant', 'block home internet by anna']);
    expect((await device()).internetBlockedBy).toEqual([]);
    await wish({ do: 'block' });
    expect(await policies()).toEqual(['block home internet by anna', 'block tv internet by home-assistant']);
  });

  it('pauses for a while, or till the next morning by a clock that is right', async () => {
    const { parts, methods, wish } = router();
    await wish({ do: 'pause', length: '10m' });
    await wish({ do: 'pause', length: 'morning' });
    const [policy] = await look(methods, 'policies');
    expect(new Date(policy?.terms.until ?? 0).toISOString()).toMatch(/T07:00:00/);
    parts.time.trusted = false;
    await expect(wish({ do: 'pause', length: 'morning' })).rejects.toThrow('does not know what time it is');
  });

  it('a device that calls itself by the id of another is not taken for it', async () => {
    const { parts, wish, policies, device } = router();
    see(parts, '02:00:00:00:01:02', '192.168.1.21', (await device()).id);
    await wish({ do: 'block' });
    expect(await policies()).toEqual(['block tv internet by home-assistant']);
  });
});

it('a pause without a length is an hour', async () => {
  const { methods } = router();
  await methods.get('pause')?.run({ what: 'tv' });
  expect((await look(methods, 'policies'))[0]?.terms.for).toBe(3_600);
});

it('a block of the home holds for a device that only another router sees', async () => {
  const { parts, methods } = router();
  await methods.get('block')?.run({ first: 'home', confirm: true });
  const elsewhere = see(parts, '02:00:00:00:01:09', '192.168.2.9', 'away');
  const shown = (await look(methods, 'devices')).find(({ id }) => id === elsewhere);
  expect(shown?.internetBlockedBy.length).toBe(1);
});
