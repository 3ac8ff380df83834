import { expect, test } from 'vitest';
import { CaptureSource } from '../../../../src/local/observe/capture-source.ts';
import type { HostNameFact } from '../../../../src/local/observe/facts.ts';
import { LeaseSource, parseLeases } from '../../../../src/local/observe/leases.ts';
import { NeighbourSource } from '../../../../src/local/observe/neighbour-source.ts';
import type { Reading, Seen } from '../../../../src/local/observe/seen.ts';
import { silentLog } from '../../../../src/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { fixture, fixtureBytes } from './fixture.ts';
import { ScriptedExec, settle } from './scripted-exec.ts';

const signal = new AbortController().signal;
const log = silentLog;

function neighbours(exec: ScriptedExec) {
  const clock = new FakeClock();
  const seen: Seen[] = [];
  const source = new NeighbourSource({ exec, clock, log, onSeen: (more) => seen.push(...more) });
  return { clock, seen, source };
}

test('neighbours: the table first, then news as they come', async () => {
  const exec = new ScriptedExec((command) =>
    command === 'ip neigh show' ? { stdout: fixture('neighbours/ip-neigh-show.txt') } : undefined,
  );
  const { seen, source } = neighbours(exec);
  await source.start(signal);
  await settle();
  expect(seen.filter(({ present }) => present)).toHaveLength(8);
  exec.child('monitor').stdout.write('192.168.77.12 dev br-lan lladdr 02:00:00:00:01:03 REACH');
  exec.child('monitor').stdout.write('ABLE \n');
  await settle();
  expect(seen.at(-1)).toMatchObject({ address: '192.168.77.12', mac: '02:00:00:00:01:03', fresh: true });
  expect(source.health()).toMatchObject({ running: true, restarts: 0, counters: { readings: 1, news: 1 } });
  await source.stop();
  expect(exec.children.size).toBe(0);
});

test('neighbours: a monitor that dies is started again, and its half line forgotten', async () => {
  const exec = new ScriptedExec((command) => (command === 'ip neigh show' ? {} : undefined));
  const { clock, seen, source } = neighbours(exec);
  await source.start(signal);
  await settle();
  exec.child('monitor').stdout.write('192.168.77.12 dev br-lan lladdr 02:00:');
  await settle();
  exec.child('monitor').exit(1);
  await settle();
  await clock.advance(2_000);
  exec.child('monitor').stdout.write('192.168.77.11 dev br-lan lladdr 02:00:00:00:01:01 STALE\n');
  await settle();
  expect(seen).toMatchObject([{ address: '192.168.77.11', fresh: true }]);
  expect(source.health().restarts).toBe(1);
  await source.stop();
});

test.each([undefined, 'missing'] as const)(
  'neighbours: where `ip` cannot tell, the ARP table can: %s',
  async (ip) => {
    const exec = new ScriptedExec((command) =>
      command === 'cat /proc/net/arp' ? { stdout: fixture('neighbours/proc-net-arp.txt') } : ip,
    );
    const { seen, source } = neighbours(exec);
    await source.start(signal);
    await settle();
    expect(seen).toHaveLength(3);
    await source.stop();
  },
);

test('neighbours: neither can be read: said, and tried again', async () => {
  const exec = new ScriptedExec(() => undefined);
  const { clock, source } = neighbours(exec);
  await source.start(signal);
  await settle();
  expect(source.health()).toMatchObject({ running: false, counters: { failures: 1 } });
  expect(source.health().lastError).toContain('cannot read the neighbours');
  exec.set(() => ({}));
  await clock.advance(30_000);
  expect(source.health().counters.readings).toBeGreaterThan(0);
  await source.stop();
});

test('leases: names by MAC', () => {
  expect(parseLeases(fixture('neighbours/dnsmasq-dhcp.leases'))).toEqual([
    { kind: 'hostName', mac: '02:00:00:00:01:02', name: 'kitchen-tv', source: 'lease' },
  ]);
  const odd = [
    'duid 00:01:00:01:2a',
    '1795259507 12345 fd77::12 kitchen-tv 00:01',
    '1795259507 02:00:00:00:01:03 192.168.77.13 * *',
    'x 02:00:00:00:01:03 192.168.77.13 name *',
    '0 02:00:00:00:01:04 192.168.77.14 forever *',
  ];
  expect(parseLeases(odd.join('\n')).map(({ name }) => name)).toEqual(['forever']);
});

test('leases: read again and again; a missing file is none, another failure is said', async () => {
  const clock = new FakeClock();
  const exec = new ScriptedExec(() => ({ code: 1, stderr: 'No such file or directory' }));
  const facts: HostNameFact[] = [];
  const source = new LeaseSource({ exec, clock, path: '/tmp/leases', onFact: (fact) => facts.push(fact) });
  await source.start(signal);
  await settle();
  expect(source.health()).toMatchObject({ running: true, lastError: undefined, counters: { leases: 0 } });
  exec.set(() => ({ code: 1, stderr: 'Permission denied' }));
  await clock.advance(60_000);
  expect(source.health().lastError).toBe('cannot read the leases: Permission denied');
  exec.set(() => ({ stdout: fixture('neighbours/dnsmasq-dhcp.leases') }));
  await clock.advance(60_000);
  expect(facts[0]).toMatchObject({ name: 'kitchen-tv' });
  expect(source.health()).toMatchObject({ running: true, lastError: undefined, counters: { leases: 1 } });
  await source.stop();
});

test('capture: frames become readings, losses are counted', async () => {
  const exec = new ScriptedExec(() => undefined);
  const readings: Reading[] = [];
  const source = new CaptureSource({
    exec,
    clock: new FakeClock(),
    log,
    interface: 'br-lan',
    onReading: (reading) => readings.push(reading),
  });
  await source.start(signal);
  const { stdout, stderr, argv } = exec.child('tcpdump');
  expect(argv.slice(0, 3)).toEqual(['tcpdump', '-i', 'br-lan']);
  stdout.write(fixtureBytes('capture/dns-brlan.pcap'));
  stderr.write('tcpdump: listening on br-lan, link-type EN10MB (Ethernet), snapshot length 1600 bytes\n');
  stderr.write('17 packets captured\n17 packets received by filter\n3 packets dropped by kernel\n');
  await settle();
  expect(readings).toHaveLength(8);
  expect(source.health()).toEqual({
    name: 'capture br-lan',
    running: true,
    restarts: 0,
    counters: { frames: 17, ignored: 9, answers: 8, gaps: 0, evicted: 0, dropped: 3 },
    lastError: undefined,
  });
  stderr.write('tcpdump: br-lan: No such device exists\n');
  await settle();
  expect(source.health().lastError).toBe('tcpdump: br-lan: No such device exists');
  stdout.write(fixtureBytes('capture/dns-brlan.pcap').subarray(24, 24 + 16 + 89));
  await settle();
  expect(source.health().lastError).toBeUndefined();
  await source.stop();
});

test('capture: server names only when they are asked for; half a stream ends with its child', async () => {
  const exec = new ScriptedExec(() => undefined);
  const clock = new FakeClock();
  const readings: Reading[] = [];
  const onReading = (reading: Reading) => readings.push(reading);
  const source = new CaptureSource({ exec, clock, log, interface: 'br-lan', sni: true, onReading });
  await source.start(signal);
  expect(exec.child('tcpdump').argv.at(-1)).toContain('0x1603');
  exec.child('tcpdump').stdout.write(fixtureBytes('capture/tls-clienthello.pcap').subarray(0, -1));
  await settle();
  expect(readings).toHaveLength(2);
  exec.child('tcpdump').exit(1);
  await settle();
  await clock.advance(2_000);
  exec.child('tcpdump').stdout.write(fixtureBytes('capture/tls-clienthello.pcap'));
  await settle();
  expect(readings).toHaveLength(5);
  expect(source.health()).toMatchObject({ restarts: 1, counters: { answers: 5 } });
  await source.stop();
  const plain = new CaptureSource({ exec, clock, log, interface: 'br-lan', onReading });
  await plain.start(signal);
  expect(exec.child('tcpdump').argv.at(-1)).not.toContain('0x1603');
  await plain.stop();
});
