import { describe, expect, it } from 'vitest';
import { ignore, ignoredNodes, unignore } from '../../../src/control/commands/ignore.ts';
import { flowsView } from '../../../src/control/views/flows.ts';
import { nodesView } from '../../../src/control/views/nodes.ts';
import { domainNodeId } from '../../../src/policy/identity.ts';
import { crypto } from '../../support/household.ts';
import { house, how, put, usage } from './two-devices.ts';

function talking() {
  const parts = house();
  const ads = domainNodeId(crypto, parts.replica.home, 'ads.example');
  for (const device of [parts.tv, parts.phone]) {
    const counts = { packets: 1, bytes: 100 };
    const about = { device, other: ads, otherIsDevice: false, protocol: 6, port: 443, offloaded: false };
    parts.flows.sees({ ...about, up: counts, down: counts, entries: 1 });
  }
  return { ...parts, ads };
}

const shown = (parts: ReturnType<typeof talking>, all = false) =>
  flowsView(parts, { top: 10, all }).map(({ device, ignored }) => `${device.label} ${ignored}`);

describe('what is ignored', () => {
  it('is left out of the flows, unless all are asked for', async () => {
    const parts = talking();
    await ignore(parts, { ...how, what: 'tv' });
    expect(shown(parts)).toEqual(['phone false']);
    expect(shown(parts, true).sort()).toEqual(['phone false', 'tv true']);
    expect(
      nodesView(parts, 'devices')
        .map(({ ignored }) => ignored)
        .sort(),
    ).toEqual([false, true]);
    expect((await ignore(parts, { ...how, what: 'tv' })).changed).toBe(false);
    await unignore(parts, { ...how, what: 'tv' });
    expect(shown(parts)).toHaveLength(2);
    expect(parts.announced).toHaveLength(2);
  });

  it('may be a domain, a group, or a node of a class', async () => {
    const parts = talking();
    await ignore(parts, { ...how, what: 'ads.example' });
    expect(shown(parts)).toEqual([]);
    // By its node, which has another name.
    await unignore(parts, { ...how, what: parts.ads.slice(0, 12) });
    await put(parts, 'kids', 'phone');
    await ignore(parts, { ...how, what: 'kids' });
    expect(shown(parts)).toEqual(['tv false']);
    parts.classes.push([parts.phone, parts.tv]);
    expect(ignoredNodes(parts)).toEqual(new Set([parts.phone, parts.tv]));
  });

  it('is not the internet, and what is shown is not shown again', async () => {
    const parts = talking();
    await expect(ignore(parts, { ...how, what: 'internet' })).rejects.toEqual(usage(/cannot be ignored/));
    await expect(unignore(parts, { ...how, what: 'tv' })).rejects.toEqual(usage(/tv is not ignored/));
    expect((await ignore(parts, { ...how, dryRun: true, what: 'tv' })).changed).toBe(true);
    expect(parts.replica.size).toBe(0);
  });
});
