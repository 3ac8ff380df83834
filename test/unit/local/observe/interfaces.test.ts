import { expect, test } from 'vitest';
import {
  deduceInterfaces,
  forwardsNothingText,
  readInterfaces,
  sameInterfaces,
} from '../../../../src/local/observe/interfaces.ts';
import { ScriptedExec } from './scripted-exec.ts';

const TEXTS = {
  addr: String.raw`1: lo    inet 127.0.0.1/8 scope host lo\       valid_lft forever preferred_lft forever
2: br-lan    inet 192.168.77.1/24 brd 192.168.77.255 scope global br-lan\       valid_lft forever preferred_lft forever
2: br-lan    inet6 fd77::1/64 scope global \       valid_lft forever preferred_lft forever
2: br-lan    inet6 fe80::ff:fe00:1/64 scope link \       valid_lft forever preferred_lft forever
3: wan0    inet 203.0.113.1/24 scope global wan0\       valid_lft forever preferred_lft forever
3: wan0    inet6 2001:db8:1::1/64 scope global \       valid_lft forever preferred_lft forever
4: br-lan.20    inet 192.168.20.1/24 scope global br-lan.20\       valid_lft forever preferred_lft forever
5: wg0    inet 10.9.0.1/24 scope global wg0\       valid_lft forever preferred_lft forever
6: ppp0    inet 100.64.3.4 peer 100.64.0.1/32 scope global ppp0\       valid_lft forever preferred_lft forever
7: lab0    inet 198.51.100.1/24 scope global lab0\       valid_lft forever preferred_lft forever`,
  link: String.raw`1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
2: br-lan: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000\    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
3: wan0@if4: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000\    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff link-netns net
4: br-lan.20@br-lan: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000\    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
5: wg0: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1420 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\    link/none
6: ppp0: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1492 qdisc fq_codel state UNKNOWN mode DEFAULT group default qlen 3\    link/ppp
7: lab0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000\    link/ether 02:00:00:00:00:07 brd ff:ff:ff:ff:ff:ff`,
  route4: `default via 203.0.113.2 dev wan0
192.168.77.0/24 dev br-lan proto kernel scope link src 192.168.77.1
192.168.50.0/24 via 192.168.77.9 dev br-lan`,
  route6: `fd77::/64 dev br-lan proto kernel metric 256 pref medium
default via fe80::7cf5:5bff:febe:8810 dev wan0 metric 1024 pref medium`,
};

test('LAN by prefix, WAN by default route; loopback, tunnels and public prefixes are neither', () => {
  const found = deduceInterfaces(TEXTS, { router: 'attic' });
  expect(found.lan).toEqual([
    { name: 'br-lan', segment: 'attic/br-lan', prefixes: ['192.168.77.0/24', 'fd77::/64'] },
    { name: 'br-lan.20', segment: 'attic/br-lan/20', prefixes: ['192.168.20.0/24'] },
  ]);
  expect(found.wan).toEqual(['wan0']);
  expect([...found.lanPrefixes]).toEqual(['192.168.77.0/24', 'fd77::/64', '192.168.20.0/24']);
  expect([...found.nextHops]).toEqual(['203.0.113.2', '192.168.77.9', 'fe80::7cf5:5bff:febe:8810']);
  expect([...found.macs]).toEqual(['02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:07']);
  expect(found.addresses.has('fe80::ff:fe00:1')).toBe(true);
  expect(found.addresses.has('100.64.3.4')).toBe(true);
  expect(found.addresses.has('127.0.0.1')).toBe(false);
});

test('a global IPv6 prefix alone makes a LAN', () => {
  const addr = String.raw`2: br-lan    inet6 2001:db8:5::1/64 scope global \       valid_lft forever`;
  const found = deduceInterfaces({ ...TEXTS, addr }, { router: 'attic' });
  expect(found.lan.map(({ name }) => name)).toEqual(['br-lan']);
});

const [ONE_NETWORK = ''] = TEXTS.addr.split('3: wan0');
const ALONE = { addr: ONE_NETWORK, route4: 'default via 192.168.77.254 dev br-lan', route6: '' };

test('what only has one network, where its default route is, has no LAN and forwards nothing', () => {
  const found = deduceInterfaces({ ...TEXTS, ...ALONE }, { router: 'attic' });
  expect(found.lan).toEqual([]);
  expect(found.wan).toEqual(['br-lan']);
  expect(found.forwardsNothing).toBe('br-lan is its only network');
  expect(forwardsNothingText(found)).toContain('nor was a LAN found');
});

test('a box that only bridges: everything beside its bridge is of the home', () => {
  const port = (n: number) =>
    `${n}: lan${n}: <BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue master br-lan state UP mode DEFAULT group default qlen 1000\\    link/ether 02:00:00:00:00:0${n} brd ff:ff:ff:ff:ff:ff`;
  const bridged = { ...TEXTS, ...ALONE, link: [TEXTS.link, port(8), port(9)].join('\n') };
  for (const forwarding of ['', '0\n0\n', '1\n0\n']) {
    const found = deduceInterfaces({ ...bridged, forwarding }, { router: 'attic' });
    expect(found.lan.map(({ segment }) => segment)).toEqual(['attic/br-lan']);
    expect(found.wan).toEqual([]);
    expect(found.nextHops.has('192.168.77.254')).toBe(true);
    expect(forwardsNothingText(found)).toContain('it can still see devices on br-lan');
  }
  expect([...(deduceInterfaces(bridged, { router: 'attic' }).bridges ?? [])]).toEqual(['br-lan']);
  // Links of a bond are one link to the outside.
  const bond = bridged.link.replaceAll('<BROADCAST,MULTICAST,UP>', '<BROADCAST,MULTICAST,SLAVE,UP>');
  expect([...(deduceInterfaces({ ...bridged, link: bond }, { router: 'attic' }).bridges ?? [])]).toEqual([]);
  // One port is not a bridge of anything, and who is told is not asked.
  const one = { ...bridged, link: [TEXTS.link, port(8)].join('\n') };
  expect(deduceInterfaces(one, { router: 'attic' }).wan).toEqual(['br-lan']);
  const told = deduceInterfaces(bridged, { router: 'attic', wan: ['br-lan'] });
  expect(told).toMatchObject({ lan: [], wan: ['br-lan'] });
});

test('whether it forwards: by its settings, as far as they can be read', () => {
  const of = (forwarding?: string) =>
    deduceInterfaces({ ...TEXTS, ...(forwarding === undefined ? {} : { forwarding }) }, { router: 'attic' });
  for (const text of [undefined, '', '1\n', '0\n1\n', '1\n1\n', 'x'])
    expect(of(text).forwardsNothing).toBeUndefined();
  for (const text of ['0\n', '0\n0\n'])
    expect(of(text)).toMatchObject({
      forwardsNothing: 'IP forwarding is off on this machine',
      wan: ['wan0'],
    });
  expect(sameInterfaces(of('0\n'), of('1\n'))).toBe(false);
});

test('the config has the last word; no interface is both', () => {
  const route4 = 'default via 192.168.77.254 dev br-lan\ndefault via 203.0.113.2 dev wan0 metric 9';
  const found = deduceInterfaces({ ...TEXTS, route4 }, { router: 'attic', lan: ['br-lan', 'nosuch'] });
  expect(found.lan.map(({ name }) => name)).toEqual(['br-lan']);
  expect(found.wan).toEqual(['wan0']);
  expect(deduceInterfaces(TEXTS, { router: 'attic', wan: ['br-lan'] }).lan.map(({ name }) => name)).toEqual([
    'br-lan.20',
  ]);
});

test('a default route over two lines of next hops', () => {
  const route4 =
    'default proto static\n\tnexthop via 203.0.113.2 dev wan0 weight 1\n\tnexthop via 198.51.100.2 dev lab0 weight 1';
  const found = deduceInterfaces({ ...TEXTS, route4, route6: '' }, { router: 'attic' });
  expect(found.wan).toEqual(['wan0', 'lab0']);
  expect(found.nextHops.has('198.51.100.2')).toBe(true);
});

test('same and not the same', () => {
  const one = deduceInterfaces(TEXTS, { router: 'attic' });
  expect(sameInterfaces(one, deduceInterfaces(TEXTS, { router: 'attic' }))).toBe(true);
  const other = deduceInterfaces({ ...TEXTS, route4: '' }, { router: 'attic' });
  expect(sameInterfaces(one, other)).toBe(false);
});

test('no IPv6 routes are an answer; no addresses are not', async () => {
  const exec = new ScriptedExec((command) =>
    command === 'ip -o addr'
      ? { stdout: TEXTS.addr }
      : command === 'ip -o link'
        ? { stdout: TEXTS.link }
        : command === 'ip route'
          ? { stdout: TEXTS.route4 }
          : undefined,
  );
  const signal = new AbortController().signal;
  expect((await readInterfaces(exec, { router: 'attic' }, signal)).wan).toEqual(['wan0']);
  expect(exec.calls).toContain('cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding');
  exec.set(() => undefined);
  await expect(readInterfaces(exec, { router: 'attic' }, signal)).rejects.toThrow(
    'cannot read the interfaces',
  );
});
