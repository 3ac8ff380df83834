import { expect, test } from 'vitest';
import { compile } from '../../../../../src/local/enforce/nft/compile.ts';
import { elementsOf } from '../../../../../src/local/enforce/nft/table.ts';
import type { Owner } from '../../../../../src/policy/block-set.ts';
import { blockSet, owner } from '../block-sets.ts';

const [TV, PHONE, NAS] = ['02:aa:00:00:00:02', '02:aa:00:00:00:03', '02:aa:00:00:00:04'];
const [tv, phone, nas] = ['192.168.1.20', '192.168.1.30', '192.168.1.40'];

/** What the sets by MAC hold for these owners. */
function links(...owners: Owner[]) {
  const { sets } = compile(blockSet(owners), { wan: [], of: 'bridged' }).table;
  return Object.fromEntries(
    ['b6', 'xb6', 'wb6'].map((name) => [name, [...elementsOf(sets.get(name) ?? none)]]),
  );
}
const none = { kind: 'set', declared: '', parts: new Map() } as const;

test('a pair of devices is one of their MACs, whichever of them is named', () => {
  const pair = [owner('1', [tv], [phone, '203.0.113.7'], [TV]), owner('2', [phone], [], [PHONE])];
  expect(links(...pair)).toEqual({ b6: [`${TV} . ${PHONE}`], xb6: [], wb6: [] });
});

test('who is cut from the LAN is cut but for what is excepted', () => {
  const cut = owner('1', [tv], [], [TV], { lan: true, exceptions: [nas, '203.0.113.7'] });
  const rest = [owner('2', [phone], [], [PHONE]), owner('3', [nas], [], [NAS])];
  expect(links(cut, ...rest)).toEqual({ b6: [], xb6: [`${TV} . ${NAS}`], wb6: [TV] });
});

test('what is no MAC, and the internet, are none of it', () => {
  const odd = owner('1', [tv], [phone], ['x', `${TV}\n`], { internet: true });
  expect(links(odd, owner('2', [phone], [], [PHONE]))).toEqual({ b6: [], xb6: [], wb6: [] });
  expect(compile(blockSet([odd]), { wan: [] }).table.sets.has('b6')).toBe(false);
});
