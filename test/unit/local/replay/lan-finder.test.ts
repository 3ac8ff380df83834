import { expect, test } from 'vitest';
import { deduceLan } from '../../../../src/local/replay/lan-finder.ts';
import { Stations } from '../../../../src/local/replay/stations.ts';

const [ROUTER, TV, PHONE, ISP] = [
  '02:00:00:00:00:01',
  '02:00:00:00:01:01',
  '02:00:00:00:01:02',
  '02:00:00:00:09:01',
];

/** What was heard, and what it is taken for. */
function found(hear: (stations: Stations) => void, lan?: string[]) {
  const stations = new Stations();
  hear(stations);
  const { macs, addresses, lanPrefixes, lan: interfaces } = deduceLan(stations, lan);
  expect(interfaces.map(({ prefixes }) => [...prefixes])).toEqual([[...lanPrefixes]]);
  return {
    routers: [...macs].sort(),
    own: [...addresses].sort(),
    prefixes: [...lanPrefixes].sort(),
    devices: [...stations.all()].map(({ mac }) => mac).filter((mac) => !macs.has(mac)),
  };
}

test('who sends from many public addresses is a router; whoever sends from one of its own is a device', () => {
  const lan = found((stations) => {
    stations.claimed(ROUTER, '192.168.1.1');
    stations.claimed(TV, '192.168.1.20');
    for (const far of ['198.51.100.7', '203.0.113.9']) {
      stations.carried(TV, ROUTER, '192.168.1.20', far);
      stations.carried(ROUTER, TV, far, '192.168.1.20');
    }
    stations.carried(ROUTER, TV, '192.168.1.1', '192.168.1.20');
  });
  expect(lan).toEqual({
    routers: [ROUTER],
    own: ['192.168.1.1'],
    prefixes: ['192.168.1.0/24'],
    devices: [TV],
  });
});

test('one public address is enough when a private one speaks to it', () => {
  const lan = found((stations) => stations.carried(TV, ROUTER, '10.0.0.5', '198.51.100.7'));
  expect(lan).toMatchObject({ routers: [ROUTER], devices: [TV], prefixes: ['10.0.0.0/24'] });
});

test('also when nothing but answers were captured', () => {
  const lan = found((stations) => stations.carried(ROUTER, TV, '198.51.100.7', '10.0.0.5'));
  expect(lan).toMatchObject({ routers: [ROUTER], devices: [TV], prefixes: ['10.0.0.0/24'] });
});

test('on the WAN side the home’s router is the device, and the provider’s is the router', () => {
  const lan = found((stations) => {
    stations.claimed(ROUTER, '203.0.113.5');
    for (const far of ['198.51.100.7', '198.51.100.8', '192.0.2.1']) {
      stations.carried(ROUTER, ISP, '203.0.113.5', far);
      stations.carried(ISP, ROUTER, far, '203.0.113.5');
    }
    // A hop of the provider says that the time to live is over.
    stations.carried(ISP, ROUTER, '10.255.0.1', '203.0.113.5');
  });
  expect(lan).toMatchObject({ routers: [ISP], devices: [ROUTER], prefixes: [] });
});

test('IPv6: many addresses of one network are a device’s; advertisements and many networks are a router’s', () => {
  const lan = found((stations) => {
    for (let n = 1; n < 9; n++) stations.carried(TV, ROUTER, `2001:db8:1::${n}`, '2001:db8:99::1');
    stations.advertised(ROUTER);
    for (const far of ['2001:db8:a::1', '2001:db8:b::1', '2001:db8:c::1'])
      stations.carried(ISP, PHONE, far, 'fd00::2');
  });
  expect(lan).toEqual({
    routers: [ROUTER, ISP],
    own: [],
    prefixes: ['2001:db8:1::/64', 'fd00::/64'],
    devices: [TV, PHONE],
  });
});

test('who gets packets for far private addresses is a next hop', () => {
  const lan = found((stations) => {
    stations.claimed(ROUTER, '10.10.10.1');
    stations.carried(TV, ROUTER, '10.10.10.186', '192.168.1.13');
  });
  expect(lan).toMatchObject({ routers: [ROUTER], devices: [TV], own: ['10.10.10.1'] });
});

test('a server of addresses is the router when nobody else is', () => {
  const served = (stations: Stations) => {
    stations.servedDhcp(PHONE);
    stations.claimed(PHONE, '10.0.0.2');
    stations.heard(TV);
  };
  expect(found(served)).toMatchObject({ routers: [PHONE], devices: [TV], own: ['10.0.0.2'] });
  const both = found((stations) => {
    served(stations);
    stations.carried(TV, ROUTER, '10.0.0.5', '198.51.100.7');
  });
  expect(both).toMatchObject({ routers: [ROUTER], devices: [PHONE, TV] });
});

test('a router that captures on all its interfaces is no device on any; a device that captures stays one', () => {
  const WAN = '02:00:00:00:00:02';
  const lan = found((stations) => {
    stations.carried(TV, undefined, '10.0.0.5', '198.51.100.7');
    stations.carried(WAN, undefined, '203.0.113.5', '198.51.100.7');
    for (const far of ['198.51.100.7', '198.51.100.8']) {
      stations.carried(ISP, undefined, far, '203.0.113.5');
      stations.carried(ROUTER, undefined, far, '10.0.0.5');
    }
    for (const mac of [ROUTER, WAN]) stations.captured(mac);
  });
  expect(lan).toMatchObject({ routers: [ROUTER, WAN, ISP], devices: [TV] });
  const alone = found((stations) => {
    stations.carried(TV, ROUTER, '10.0.0.5', '198.51.100.7');
    stations.captured(TV);
  });
  expect(alone).toMatchObject({ routers: [ROUTER], devices: [TV] });
});

test('multicast, broadcast, link-local and no address say nothing of prefixes, but who sends is there', () => {
  const lan = found((stations) => {
    stations.carried(TV, undefined, '0.0.0.0', '255.255.255.255');
    stations.carried(PHONE, undefined, 'fe80::1', 'ff02::fb');
    stations.carried(PHONE, undefined, '169.254.7.7', '224.0.0.251');
  });
  expect(lan).toEqual({ routers: [], own: [], prefixes: [], devices: [TV, PHONE] });
});

test('an address of the factory makes no prefix where others share one', () => {
  const lan = found((stations) => {
    stations.claimed(TV, '192.168.0.20');
    stations.claimed(TV, '10.10.10.58');
    stations.claimed(PHONE, '10.10.10.59');
  });
  expect(lan.prefixes).toEqual(['10.10.10.0/24']);
});

test('prefixes that a person names: who has only others is no device', () => {
  const lan = found(
    (stations) => {
      stations.claimed(TV, '192.168.1.20');
      stations.claimed(PHONE, '172.16.0.9');
      stations.heard(ISP);
    },
    ['192.168.0.0/16'],
  );
  expect(lan).toEqual({
    routers: [PHONE],
    own: ['172.16.0.9'],
    prefixes: ['192.168.0.0/16'],
    devices: [TV, ISP],
  });
});

test('an address that a device sends from is not the router’s, whoever claims it', () => {
  const lan = found((stations) => {
    stations.carried(TV, ROUTER, '10.0.0.5', '198.51.100.7');
    stations.claimed(ROUTER, '10.0.0.5');
    stations.claimed(ROUTER, '10.0.0.1');
  });
  expect(lan.own).toEqual(['10.0.0.1']);
});

test('made-up stations fill no memory', () => {
  const stations = new Stations();
  for (let n = 0; n < 10_000; n++) {
    const mac = `02:${n
      .toString(16)
      .padStart(10, '0')
      .replace(/..(?!$)/g, '$&:')}`;
    stations.carried(mac, ROUTER, `10.${n >> 8}.${n & 255}.1`, `198.51.${n >> 8}.${n & 255}`);
  }
  expect(stations.size).toBe(8_192);
  expect(stations.dropped).toBeGreaterThan(0);
  for (const { sources, targets, carriedFor } of stations.all())
    expect(Math.max(sources.size, targets.size, carriedFor.size)).toBeLessThanOrEqual(64);
  expect(deduceLan(stations).macs.has(ROUTER)).toBe(true);
});
