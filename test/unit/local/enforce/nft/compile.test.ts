import { expect, test } from 'vitest';
import { compile } from '../../../../../src/local/enforce/nft/compile.ts';
import { elementsOf, type Table } from '../../../../../src/local/enforce/nft/table.ts';
import { blockSet, owner } from '../block-sets.ts';

const MAC = '02:aa:00:00:00:02';
const rules = (table: Table, chain: string) => table.chains.get(chain)?.rules;
const held = (table: Table, set: string) => {
  const plan = table.sets.get(set);
  return plan && [...elementsOf(plan)].sort();
};

test('a pair of one device asks for nothing that it does not need', () => {
  const { table } = compile(blockSet([owner('1', ['192.168.1.20'], ['203.0.113.7'])]), { wan: ['wan0'] });
  expect(rules(table, 'on_forward')).toEqual([
    'iifname != "wan0" meta nfproto vmap { ipv4 : jump out4, ipv6 : jump out6 }',
    'oifname != "wan0" meta nfproto vmap { ipv4 : jump in4, ipv6 : jump in6 }',
  ]);
  expect(rules(table, 'out4')).toEqual(['ip daddr @r4 jump pairs4_o']);
  expect(rules(table, 'in6')).toEqual(['ip6 saddr @r6 jump pairs6_i']);
  expect(rules(table, 'pairs4_i')).toEqual([
    'ip saddr @u4 return',
    'ip daddr . ip saddr @a4 return',
    'ip daddr . ip saddr @p4 goto drop_p4_i',
    'ip daddr @l4 ip saddr @e4 goto drop_e4_i',
    'ip daddr @h4 ip saddr @e4 goto drop_e4_i',
  ]);
  // A set that is full must not let packets pass: counting is a rule of its own.
  expect(rules(table, 'drop_p4_o')).toEqual(['update @hit_p4 { ip saddr . ip daddr }', 'counter drop']);
  expect(held(table, 'p4')).toEqual(['192.168.1.20 . 203.0.113.7']);
  expect(held(table, 'r4')).toEqual(['203.0.113.7']);
  expect(table.sets.has('pm4') || table.sets.has('n4') || table.sets.has('s4')).toBe(false);
  for (const { declared } of table.sets.values())
    if (declared.includes(' . ')) expect(declared).not.toContain('interval');
});

test('wide owners are found by a map, prefixes by their length, longest first', () => {
  const wide = {
    networks: ['203.0.113.0/24', '203.0.113.0/28', '198.51.100.7/32', '198.51.100.9/32'],
    exceptedNetworks: ['203.0.113.8/29', '198.51.100.8/31', '192.0.2.1/32'],
    internet: true,
  };
  const { table } = compile(blockSet([owner('1', ['192.168.1.20'], [], [MAC], wide)]), { wan: [] });
  expect(rules(table, 'wide4_ni_o')).toEqual([
    'ip daddr @u4 return',
    'ip saddr . ip daddr @a4 return',
    'ip saddr . ip daddr @x4 return',
    'ip saddr . ip daddr & 255.255.255.254 ^ 0.0.0.1 @an4 return',
    'ip saddr . ip daddr & 255.255.255.248 ^ 0.0.0.4 @an4 return',
    'ip saddr . ip daddr & 255.255.255.240 ^ 0.0.0.8 @n4 goto drop_n4_o_28',
    'ip saddr . ip daddr & 255.255.255.0 ^ 0.0.0.128 @n4 goto drop_n4_o_24',
    'ip daddr != @h4 goto drop_i4_o',
  ]);
  expect(rules(table, 'mac4')).toEqual(['ip daddr @r4 jump pairs4_m', 'ether saddr vmap @sm4']);
  expect(rules(table, 'out4')?.at(-1)).toBe('ip saddr != @k4 jump mac4');
  expect(held(table, 's4')).toEqual(['192.168.1.20 : jump wide4_ni_o']);
  expect(held(table, 'sm6')).toEqual([`${MAC} : jump wide6_ni_m`]);
  // One address is as good as a pair, unless an excepted network holds it.
  expect(held(table, 'p4')).toEqual(['192.168.1.20 . 198.51.100.7']);
  expect(held(table, 'n4')).toEqual(['192.168.1.20 . 203.0.113.128', '192.168.1.20 . 203.0.113.8']);
  expect(held(table, 'x4')).toEqual(['192.168.1.20 . 192.0.2.1']);
});

test('owners of one address are asked in rounds', () => {
  const first = owner('1', ['192.168.1.20'], ['203.0.113.7'], [], { exceptions: ['203.0.113.8'] });
  const second = owner('2', ['192.168.1.20', '192.168.1.30'], ['203.0.113.8']);
  const { table } = compile(blockSet([second, first]), { wan: [] });
  expect(rules(table, 'out4')).toEqual(['ip daddr @r4 jump pairs4_o', 'ip daddr @r4 jump pairs4_o_1']);
  expect(held(table, 'a4')).toEqual(['192.168.1.20 . 203.0.113.8']);
  expect(held(table, 'p4')).toEqual(['192.168.1.20 . 203.0.113.7', '192.168.1.30 . 203.0.113.8']);
  expect(held(table, 'p4_1')).toEqual(['192.168.1.20 . 203.0.113.8']);
});

test('several interfaces towards the internet, and wildcards', () => {
  const { table } = compile(blockSet([]), { wan: ['wan0', 'ppp+'] });
  expect(rules(table, 'on_forward')).toEqual(['jump from_lan', 'jump to_lan']);
  expect(rules(table, 'to_lan')?.slice(0, 2)).toEqual(['oifname "ppp*" return', 'oifname "wan0" return']);
});

test('prefixes of the home and the guard that lie in others are left out: intervals must not overlap', () => {
  const home = ['192.168.1.0/24', '192.168.0.0/16', '192.168.1.7/32', '10.0.0.0/8', '::/0'];
  const { table } = compile(blockSet([], { home }), { wan: [] });
  expect(held(table, 'h4')).toEqual(['10.0.0.0/8', '192.168.0.0/16']);
  expect(held(table, 'h6')).toEqual(['8000::/1', '::/1']);
});

test('what is no address, no prefix and no MAC is counted and left out', () => {
  const wide = { networks: ['10.0.0.0/33', 'x'], exceptions: ['fe80::1%eth0'] };
  const rubbish = owner('1', ['192.168.1.20', 'tv.lan'], ['1.2.3.4\nflush'], ['no:mac'], wide);
  const { refused, table } = compile(blockSet([rubbish]), { wan: [] });
  // The name that is no address is among the known ones as well.
  expect(refused).toBe(7);
  expect(held(table, 'l4')).toEqual(['192.168.1.20']);
});
