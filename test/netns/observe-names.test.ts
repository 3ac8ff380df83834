import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createExec, type Exec } from '../../src/local/exec.ts';
import { NodeCache } from '../../src/local/nodes/node-cache.ts';
import { CaptureReader } from '../../src/local/observe/capture-reader.ts';
import { CaptureSource } from '../../src/local/observe/capture-source.ts';
import type { AnswerFact } from '../../src/local/observe/facts.ts';
import { QueryLogSource } from '../../src/local/observe/query-log-source.ts';
import { silentLog } from '../../src/log.ts';
import { hashing } from '../unit/local/hashing.ts';
import { fixtureBytes } from '../unit/local/observe/fixture.ts';

/** A router that answers names by dnsmasq, and a device that asks it by dig, in namespaces of their own. */

const PREFIX = `hgnam${process.pid}`;
const HOSTS = ['router', 'tv'] as const;
type Host = (typeof HOSTS)[number];

const here = createExec();
const on = (host: Host): Exec => createExec(['ip', 'netns', 'exec', `${PREFIX}-${host}`]);

async function run(exec: Exec, script: string): Promise<string> {
  const { code, stdout, stderr } = await exec.run(['bash', '-ec', script], { timeoutMs: 30_000 });
  if (code !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
}

const many = (name: string, count: number) =>
  Array.from(
    { length: count },
    (_, i) => `--host-record=${name},198.51.${Math.floor(i / 100)}.${(i % 100) + 1}`,
  );

/** An HTTPS record: itself, with one hint of each family. */
const SERVICE =
  '0001' + '00' + '0004' + '0004' + 'c6336409' + '0006' + '0010' + '20010db8000100000000000000000009';
const ZONE = [
  '--host-record=www.names.test,198.51.100.7,2001:db8:1::2',
  '--cname=a1.names.test,a2.names.test',
  '--cname=a2.names.test,www.names.test',
  ...many('many.names.test', 31),
  ...many('huge.names.test', 150),
  `--dns-rr=svc.names.test,65,${SERVICE}`,
];

let stopper: AbortController;
let folder: string;
let logFile: string;
let names: Promise<unknown> | undefined;

function startDnsmasq(): void {
  names = on('router').open(
    [
      'dnsmasq',
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--no-resolv',
      '--no-hosts',
      '--user=root',
      '--pid-file',
      '--log-queries=extra',
      `--log-facility=${logFile}`,
      ...ZONE,
    ],
    stopper.signal,
  ).exited;
}

beforeEach(async () => {
  stopper = new AbortController();
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-names-'));
  logFile = join(folder, 'dnsmasq.log');
  for (const host of HOSTS) await run(here, `ip netns add ${PREFIX}-${host}`);
  await run(
    on('router'),
    `sysctl -qw net.ipv6.conf.default.accept_dad=0
     ip link set lo up; ip link add br-lan address 02:00:00:00:00:01 type bridge; ip link set br-lan mtu 1400 up
     ip addr add 192.168.77.1/24 dev br-lan; ip addr add fd77::1/64 dev br-lan nodad
     ip link add tv0 type veth peer name eth0 netns ${PREFIX}-tv address 02:00:00:00:01:01
     ip link set br-lan gso_max_segs 1; ip link set tv0 mtu 1400 gso_max_segs 1 master br-lan up`,
  );
  await run(
    on('tv'),
    `sysctl -qw net.ipv6.conf.eth0.accept_dad=0
     ip link set lo up; ip link set eth0 mtu 1400 up
     ip addr add 192.168.77.11/24 dev eth0; ip addr add fd77::11/64 dev eth0 nodad`,
  );
  startDnsmasq();
});

afterEach(async () => {
  stopper.abort();
  await names;
  for (const host of HOSTS) await here.run(['ip', 'netns', 'del', `${PREFIX}-${host}`]);
  await rm(folder, { recursive: true, force: true });
});

/** Both sources, and a cache that is fed by the capture. */
async function observing() {
  const clock = systemClock;
  const cache = new NodeCache({ home: 'ab'.repeat(32), crypto: hashing, clock });
  const [seen, logged]: [AnswerFact[], AnswerFact[]] = [[], []];
  const shared = { exec: on('router'), clock, log: silentLog };
  const capture = new CaptureSource({
    ...shared,
    interface: 'br-lan',
    sni: true,
    onReading: (reading) => {
      if (reading.kind !== 'answer') return;
      seen.push(reading);
      cache.apply(reading);
    },
  });
  const log = new QueryLogSource({ ...shared, path: logFile, onFact: (fact) => logged.push(fact) });
  await capture.start(stopper.signal);
  await log.start(stopper.signal);
  const addresses = (domain: string) =>
    (cache.descriptor(cache.remoteByDomain(domain) ?? '')?.addresses ?? [])
      .map(({ address }) => address)
      .sort();
  return { seen, logged, capture, log, addresses };
}

type Observing = Awaited<ReturnType<typeof observing>>;

async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  const begun = performance.now();
  while (!(await holds())) {
    if (performance.now() - begun > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await systemClock.sleep(20);
  }
}

const dig = (what: string) => run(on('tv'), `dig +tries=1 +timeout=2 +noall +answer ${what} || true`);

/** Both sources hear what is asked from now on. */
async function listening({ seen, logged }: Observing): Promise<void> {
  await until('both sources listen', async () => {
    const before = [seen.length, logged.length];
    await dig('@192.168.77.1 www.names.test A');
    await systemClock.sleep(50);
    return seen.length > (before[0] ?? 0) && logged.length > (before[1] ?? 0);
  });
}

/** The addresses in dig's lines, and in the hints of its service records. */
const addressesIn = (lines: string) =>
  [...lines.matchAll(/\s(?:A|AAAA)\s+(\S+)$|ipv[46]hint=(\S+)/gm)]
    .map((match) => match[1] ?? match[2] ?? '')
    .sort();

test('what was answered is what is known, by every way that dig can ask', async () => {
  const one = await observing();
  await listening(one);
  const [v4, v6] = ['@192.168.77.1', '@fd77::1'];
  const asked: readonly [domain: string, how: string][] = [
    ['www.names.test', `${v4} www.names.test A ${v6} www.names.test AAAA`],
    ['www.names.test', `${v6} +tcp www.names.test A ${v4} +tcp www.names.test AAAA`],
    ['a1.names.test', `${v4} a1.names.test A ${v6} a1.names.test AAAA`],
    ['a1.names.test', `${v4} +noedns a1.names.test A ${v6} +noedns a1.names.test AAAA`],
    ['many.names.test', `${v4} many.names.test A`],
    // Truncated without EDNS, and then asked for over TCP.
    ['many.names.test', `${v6} +noedns many.names.test A`],
    ['huge.names.test', `${v4} huge.names.test A`],
    ['huge.names.test', `${v6} +tcp huge.names.test A`],
    ['svc.names.test', `${v4} svc.names.test HTTPS`],
  ];
  const counts: number[] = [];
  for (const [domain, how] of asked) {
    const answered = addressesIn(await dig(how));
    counts.push(answered.length);
    await until(`${how} in ${one.addresses(domain)}`, () =>
      answered.every((address) => one.addresses(domain).includes(address)),
    );
    // Nothing more than was answered, and the log says the same; it does not tell service records.
    expect(one.addresses(domain), how).toEqual([...new Set(answered)].sort());
    if (domain === 'svc.names.test') continue;
    const inLog = () =>
      new Set(one.logged.filter((fact) => fact.domain === domain).flatMap(({ addresses }) => addresses));
    await until(`${how} in the log`, () => answered.every((address) => inLog().has(address)));
    expect([...inLog()].sort()).toEqual([...new Set(answered)].sort());
  }
  expect(counts).toEqual([2, 2, 2, 2, 31, 31, 150, 150, 2]);
  const chain = ['a2.names.test', 'www.names.test'];
  for (const facts of [one.seen, one.logged]) {
    expect(facts.find(({ domain }) => domain === 'a1.names.test')).toMatchObject({
      chain,
      client: '192.168.77.11',
    });
    expect(
      facts.filter(({ domain }) => domain.startsWith('a')).every((fact) => fact.chain.length === 2),
    ).toBe(true);
  }
  const { counters } = one.capture.health();
  expect(counters).toMatchObject({ gaps: 0, evicted: 0, dropped: 0 });
  expect(one.log.health()).toMatchObject({ running: true, lastError: undefined });
});

test('a name that does not exist, or is refused, is nothing', async () => {
  const one = await observing();
  await listening(one);
  const before = one.seen.length;
  await dig(
    '@192.168.77.1 nobody.names.test A @192.168.77.1 www.elsewhere.test A @192.168.77.1 www.names.test TXT',
  );
  await dig('@192.168.77.1 www.names.test A');
  await until('the one after them', () => one.seen.length > before);
  expect(one.seen.slice(before).map(({ domain }) => domain)).toEqual(['www.names.test']);
});

test('tagged frames, and the names of TLS clients over IPv4 and IPv6', async () => {
  const one = await observing();
  await listening(one);
  const frames: string[] = [];
  new CaptureReader(({ bytes }) => frames.push(Buffer.from(bytes).toString('hex'))).push(
    fixtureBytes('capture/dns-vlan.pcap'),
  );
  const tagged = frames.filter((frame) => frame.slice(24, 28) === '8100');
  const script = `import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("eth0", 0))
for frame in "${tagged.join(' ')}".split(): s.send(bytes.fromhex(frame))`;
  await run(on('tv'), `python3 -c '${script}'`);
  await until('tagged answers', () => one.addresses('many.example.test').length === 31);
  expect(one.addresses('a1.example.test')).toEqual(['198.51.100.7', '2001:db8:1::2']);

  const server = on('router').open(
    [
      'python3',
      '-c',
      `import socket
s = socket.create_server(("::", 443), family=socket.AF_INET6, dualstack_ipv6=True)
while True: s.accept()[0].recv(4096)`,
    ],
    stopper.signal,
  );
  const hello = fixtureBytes('capture/tls-clienthello.pcap').subarray(24 + 16 + 66, 24 + 16 + 390);
  const connect = (to: string) =>
    here.run([
      ...['ip', 'netns', 'exec', `${PREFIX}-tv`, 'python3', '-c'],
      `import socket
socket.create_connection(("${to}", 443), 2).sendall(bytes.fromhex("${hello.toString('hex')}"))`,
    ]);
  await until('both names', async () => {
    await connect('192.168.77.1');
    await connect('fd77::1');
    return one.addresses('video.example.test').length === 2;
  });
  expect(one.seen.at(-1)).toMatchObject({ source: 'sni', chain: [] });
  server.kill();
  await server.exited;
});

test('killed tcpdump, tail and dnsmasq, and a log that is rotated: it goes on', async () => {
  const one = await observing();
  await listening(one);
  const kill = (name: string) =>
    run(
      on('router'),
      `for pid in $(ip netns pids ${PREFIX}-router); do if [ "$(cat /proc/$pid/comm)" = ${name} ]; then kill -9 $pid; fi; done`,
    );
  await kill('tcpdump');
  await kill('tail');
  await until('both are back', () => one.capture.health().restarts === 1 && one.log.health().restarts === 1);
  await listening(one);
  await kill('dnsmasq');
  await names;
  startDnsmasq();
  await listening(one);
  await rename(logFile, `${logFile}.1`);
  await run(
    on('router'),
    `for pid in $(ip netns pids ${PREFIX}-router); do if [ "$(cat /proc/$pid/comm)" = dnsmasq ]; then kill -USR2 $pid; fi; done`,
  );
  await listening(one);
  const log = one.log.health();
  expect(log).toMatchObject({ running: true, lastError: undefined });
  // The new dnsmasq may have made its log anew as well.
  expect(log.counters.rotations).toBeGreaterThan(0);
  expect(one.addresses('www.names.test')).toEqual(['198.51.100.7']);
  expect(one.capture.health()).toMatchObject({ running: true, restarts: 1 });
});
