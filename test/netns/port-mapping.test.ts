import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createExec } from '../../src/local/exec.ts';
import type { MappingLine, MappingTask } from './port-mapping-client.ts';
import { Talking } from './talking.ts';

/** A router behind Debian's miniupnpd, and somebody outside, in namespaces of their own. */

const PREFIX = `hgmap${process.pid}`;
const HOSTS = ['gateway', 'inside', 'outside'] as const;
type Host = (typeof HOSTS)[number];
const GATEWAY = '192.168.9.1';
/** miniupnpd takes no address of a documentation network for one that is reachable. Nothing here leaves the namespaces. */
const [OUTSIDE, MOVED] = ['5.5.5.1', '5.5.5.9'];
const LEASE_MS = 3_000;
const CLIENT = join(import.meta.dirname, 'port-mapping-client.ts');

const here = createExec();
const inside = (host: Host) => ['ip', 'netns', 'exec', `${PREFIX}-${host}`];
const stopper = new AbortController();
let folder: string;
let daemon: { stop(): Promise<void> };

async function run(host: Host, script: string): Promise<string> {
  const { code, stdout, stderr } = await createExec(inside(host)).run(['bash', '-ec', script], {
    timeoutMs: 20_000,
  });
  if (code !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
}

/** Starts miniupnpd and waits until it listens. */
async function startDaemon(externalAddress: string): Promise<typeof daemon> {
  const config = join(folder, 'miniupnpd.conf');
  await writeFile(
    config,
    `ext_ifname=wan0
ext_ip=${externalAddress}
listening_ip=lan0
http_port=5000
enable_natpmp=yes
enable_upnp=yes
secure_mode=yes
min_lifetime=1
lease_file=${join(folder, 'leases')}
uuid=744ed73d-1202-4610-8fda-a6df5df90d8a
allow 1024-65535 192.168.9.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`,
  );
  const over = new AbortController();
  const child = createExec(inside('gateway')).open(
    ['miniupnpd', '-d', '-f', config, '-P', join(folder, 'pid')],
    AbortSignal.any([over.signal, stopper.signal]),
  );
  child.stdout.resume();
  child.stderr.resume();
  await run(
    'gateway',
    'for i in {1..100}; do ss -Hltun | grep -q :5000 && ss -Hlun | grep -q :5351 && exit 0; sleep 0.05; done; exit 1',
  );
  return {
    async stop() {
      over.abort();
      await child.exited;
    },
  };
}

const start = (task: Omit<MappingTask, 'gateways'>) =>
  new Talking<MappingLine>(inside('inside'), CLIENT, { ...task, gateways: [GATEWAY] }, stopper.signal);

/** The lease of a port in miniupnpd's own file, Unix seconds; undefined when it has none. */
async function leaseOf(port: number): Promise<number | undefined> {
  const text = await readFile(join(folder, 'leases'), 'utf8');
  const [, until] = new RegExp(`^TCP:${port}:192\\.168\\.9\\.2:${port}:(\\d+):`, 'm').exec(text) ?? [];
  return until === undefined ? undefined : Number(until);
}

const is = (state: 'mapped' | 'failed') => (line: MappingLine) => 'state' in line && line.state === state;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-mapping-'));
  await writeFile(join(folder, 'leases'), '');
  for (const host of HOSTS) await here.run(['ip', 'netns', 'add', `${PREFIX}-${host}`]);
  await run(
    'gateway',
    `ip link set lo up
     ip link add lan0 type veth peer name eth0 netns ${PREFIX}-inside
     ip link add wan0 type veth peer name eth0 netns ${PREFIX}-outside
     ip addr add ${GATEWAY}/24 dev lan0; ip addr add ${OUTSIDE}/24 dev wan0; ip addr add ${MOVED}/24 dev wan0
     ip link set lan0 up; ip link set wan0 up
     sysctl -qw net.ipv4.ip_forward=1
     nft -f - <<'NFT'
table inet filter {
  chain forward { type filter hook forward priority 0; policy drop
    ct state established,related accept
    iifname lan0 accept
    jump miniupnpd
  }
  chain miniupnpd { }
  chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
  chain postrouting { type nat hook postrouting priority 100; jump postrouting_miniupnpd; oifname wan0 masquerade; }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
}
NFT`,
  );
  await run(
    'inside',
    `ip link set lo up; ip addr add 192.168.9.2/24 dev eth0; ip link set eth0 up; ip route add default via ${GATEWAY}`,
  );
  await run('outside', 'ip link set lo up; ip addr add 5.5.5.2/24 dev eth0; ip link set eth0 up');
  daemon = await startDaemon(OUTSIDE);
});

afterAll(async () => {
  stopper.abort();
  await daemon.stop();
  for (const host of HOSTS) await here.run(['ip', 'netns', 'del', `${PREFIX}-${host}`]);
  await rm(folder, { recursive: true, force: true });
});

describe('a port of the gateway', { concurrent: true }, () => {
  test.each([
    ['UPnP', 4411],
    ['NAT-PMP', 4412],
    ['PCP', 4413],
  ])('is mapped by %s with a lease, renewed at half of it, and given back', async (by, port) => {
    const client = start({ by: [by], port, leaseMs: LEASE_MS });
    const mapped = await client.until(is('mapped'));
    expect(mapped).toMatchObject({ external: `${OUTSIDE}:${port}`, by, told: `/ip4/${OUTSIDE}/tcp/${port}` });
    const lease = (await leaseOf(port)) ?? 0;
    const at = 'at' in mapped ? mapped.at : 0;
    // The file has whole seconds.
    expect(Math.abs(lease * 1000 - at - LEASE_MS)).toBeLessThan(1_500);
    expect(await run('outside', `timeout 5 bash -c 'cat < /dev/tcp/${OUTSIDE}/${port}'`)).toBe('inside');

    const renewed = await client.until(is('mapped'), client.lines.indexOf(mapped) + 1);
    const after = 'at' in renewed ? renewed.at - at : 0;
    expect(after).toBeGreaterThan(LEASE_MS * 0.4);
    expect(after).toBeLessThan(LEASE_MS * 0.9);
    expect((await leaseOf(port)) ?? 0).toBeGreaterThan(lease);

    const stopped = await client.end();
    expect(stopped).toMatchObject({ stopped: expect.any(Number) });
    expect(await leaseOf(port)).toBeUndefined();
    await expect(run('outside', `timeout 1 bash -c 'cat < /dev/tcp/${OUTSIDE}/${port}'`)).rejects.toThrow();
  });
});

test('a gateway that goes is told in words when the lease is over, and one that comes back elsewhere is used again', async () => {
  const client = start({ by: ['UPnP', 'PCP', 'NAT-PMP'], port: 4420, leaseMs: 2_000 });
  await client.until(is('mapped'));
  await daemon.stop();
  const inWords = /^the gateway maps no port: UPnP: .+; PCP: .+; NAT-PMP: .+/;
  const failed = await client.until(
    (line) => 'why' in line && is('failed')(line) && inWords.test(line.why ?? ''),
  );
  expect(failed).not.toHaveProperty('told');
  daemon = await startDaemon(MOVED);
  const again = await client.until(is('mapped'), client.lines.indexOf(failed));
  expect(again).toMatchObject({ told: `/ip4/${MOVED}/tcp/4420` });
  expect(again).not.toHaveProperty('why');
  await client.end();
});
