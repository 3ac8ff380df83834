import { existsSync } from 'node:fs';
import { readdir, readlink } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type House, raise } from '../../lab/house-api.ts';
import { paths } from '../../lab/paths.ts';
import { start } from '../../lab/run.ts';
import { listSandboxes } from '../../lab/sandbox.ts';
import { makeTopology } from '../../lab/topology.ts';
import { until } from '../../lab/wait.ts';

const NAME = `test-lab-${process.pid}`;
const topology = makeTopology(3, { agents: false });

/** The processes of a process namespace, by its link in /proc. */
async function processesIn(namespace: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const links = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/ns/pid`).catch(() => '')));
  return pids.filter((_, i) => links[i] === namespace);
}

describe('a house without agents', () => {
  let house: House;
  const curl = async (host: string, url: string, ...options: string[]) =>
    await house.exec(host, ['curl', '--silent', '--max-time', '2', ...options, url]);
  const reaches = async (host: string, address: string) =>
    (await house.exec(host, ['ping', '-c', '1', '-W', '1', address])).code === 0;

  beforeAll(async () => {
    house = await raise(topology, { name: NAME });
  });

  afterAll(async () => {
    await house?.down();
  });

  it('gives every device its lease, its name and its addresses', async () => {
    for (const device of topology.devices) {
      const lan = topology.routers.flatMap(({ name, lans }) =>
        name === device.router ? lans.filter(({ bridge }) => bridge === device.bridge) : [],
      )[0];
      const { ipv4, ipv6 } = await house.addresses(device.name);
      expect(ipv4, device.name).toMatch(new RegExp(`^192\\.168\\.${lan?.number}\\.1\\d\\d$`));
      expect(ipv6, device.name).toBe(`2001:db8:${lan?.number}::${device.host.toString(16)}`);
      const leases = await house.must(device.router, ['cat', `/run/lab/${device.router}/dnsmasq.leases`]);
      expect(leases).toContain(`${device.mac} ${ipv4} ${device.name}`);
    }
  });

  it('carries HTTP and ping to the servers, IPv4 and IPv6', async () => {
    expect((await curl('tv', 'http://video.example/', '-4')).stdout).toBe('video.example at 203.0.113.10\n');
    expect((await curl('tv', 'http://video.example/', '-6')).stdout).toBe(
      'video.example at 2001:db8:cb00::10\n',
    );
    expect((await curl('guest', 'http://ads.example/', '-4')).stdout).toBe('ads.example at 203.0.113.20\n');
    expect(await reaches('printer', 'tracker.example')).toBe(true);
  });

  it('echoes datagrams; hides IPv4 devices behind their router and routes IPv6', async () => {
    const { ipv6 } = await house.addresses('tv');
    await house.count('tv4', 'ip saddr 198.51.100.11 udp sport 40001');
    await house.count('tv6', `ip6 saddr ${ipv6} udp sport 40001`);
    const targets = ['203.0.113.10,7,40001', '2001:db8:cb00::10,7,40001'];
    const said = await house.must('tv', [paths.node, paths.datagrams, '100', '0.3', ...targets]);
    const streams = JSON.parse(said) as { sent: number; failed: number; echoed: number }[];
    for (const { sent, failed, echoed } of streams) expect([failed, echoed]).toEqual([0, sent]);
    expect(await house.counts()).toEqual({ tv4: streams[0]?.sent, tv6: streams[1]?.sent });
  });

  it('pumps an endless stream at the pace that was asked for', async () => {
    const { stdout } = await house.exec('tv', [
      ...['curl', '--silent', '--max-time', '1', '--output', '/dev/null', '--write-out', '%{size_download}'],
      'http://video.example/stream?rate=100000',
    ]);
    expect(Number(stdout)).toBeGreaterThan(30_000);
    expect(Number(stdout)).toBeLessThan(150_000);
  });

  it('cuts silently, both ways, and heals', async () => {
    expect(await reaches('attic', '198.51.100.12')).toBe(true);
    await house.cut('attic', 'kitchen');
    const silent = await house.exec('kitchen', ['ping', '-c', '1', '-W', '1', '198.51.100.11']);
    expect(silent.code).toBe(1);
    expect(silent.stdout).not.toContain('Unreachable');
    expect(await reaches('attic', '198.51.100.12')).toBe(false);
    expect(await reaches('attic', '198.51.100.13')).toBe(true);
    await house.cut('net', 'attic');
    expect(await reaches('tv', '203.0.113.10')).toBe(false);
    expect(await reaches('attic', '198.51.100.13')).toBe(true);
    await house.heal();
    expect(await reaches('attic', '198.51.100.12')).toBe(true);
    expect(await reaches('tv', '203.0.113.10')).toBe(true);
  });

  it('loses packets between routers by chance, and none to net', async () => {
    await house.loss(50);
    const ping = ['ping', '-q', '-c', '100', '-i', '0.005', '-W', '1'];
    const received = async (address: string) =>
      Number(/(\d+) received/.exec((await house.exec('attic', [...ping, address])).stdout)?.[1]);
    const lossy = await received('198.51.100.13');
    expect(lossy).toBeGreaterThan(2);
    expect(lossy).toBeLessThan(60);
    expect(await received('198.51.100.1')).toBe(100);
    await house.loss(0);
    expect(await received('198.51.100.13')).toBe(100);
  });

  it('moves a device with its MAC, also into the address of another', async () => {
    await house.move('tv', 'kitchen');
    expect((await house.addresses('tv')).ipv4).toMatch(/^192\.168\.2\./);
    expect((await curl('tv', 'http://video.example/', '-6')).code).toBe(0);
    expect(await house.must('tv', ['cat', '/sys/class/net/eth0/address'])).toBe('00:00:5e:00:53:01\n');
    const { ipv4 = '' } = await house.addresses('laptop');
    await house.move('tv', 'garage', { ipv4, ipv6: '2001:db8:3::99' });
    expect(await house.addresses('tv')).toEqual({ ipv4, ipv6: '2001:db8:3::99' });
    expect((await house.addresses('laptop')).ipv4).toBeUndefined();
    expect((await curl('tv', 'http://video.example/', '-4')).code).toBe(0);
    await house.move('tv', 'attic');
    await house.move('laptop', 'garage');
    expect((await house.addresses('laptop')).ipv4).toBeDefined();
  });

  it('gives a name new addresses at once, and serves them', async () => {
    await curl('tv', 'http://ads.example/', '-4');
    await house.setZone('ads.example', ['203.0.113.99', '2001:db8:cb00::99']);
    expect((await curl('tv', 'http://ads.example/', '-4')).stdout).toBe('ads.example at 203.0.113.99\n');
    expect((await curl('tv', 'http://ads.example/', '-6')).stdout).toBe('ads.example at 2001:db8:cb00::99\n');
    expect(house.topology.zone['ads.example']).toEqual(['203.0.113.99', '2001:db8:cb00::99']);
  });

  it('has no zombies', async () => {
    await house.sh('for i in 1 2 3; do (setsid true &) ; done');
    const states = async () => (await house.sh('ps -eo stat=')).split('\n');
    await until(
      'every child to be reaped',
      async () => !(await states()).some((state) => state.startsWith('Z')),
    );
  });

  it('names what is not there', async () => {
    await expect(house.exec('cellar', ['true'])).rejects.toThrow('no host cellar');
    await expect(house.cut('attic', 'tv')).rejects.toThrow('no router tv');
    await expect(raise(topology, { name: NAME })).rejects.toThrow('is up already');
  });
});

describe('a house that ends', () => {
  it('leaves nothing when it is taken down', async () => {
    const house = await raise(topology, { name: `${NAME}-down` });
    const namespace = await readlink(`/proc/${house.sandbox.pid}/ns/pid`);
    const running = house.spawn('tv', ['sleep', '1000']);
    expect((await processesIn(namespace)).length).toBeGreaterThan(topology.devices.length);
    await house.down();
    expect((await running.done).code).not.toBe(0);
    await nothingLeft(house.name, namespace);
  });

  it('leaves nothing when its creator is killed', async () => {
    const name = `${NAME}-kill`;
    const creator = start([paths.node, `${paths.checkout}/lab/cli.ts`, 'up', '--no-agents', '--name', name]);
    const sandbox = await until(
      'the house of another process',
      async () => (await listSandboxes()).find((one) => one.name === name),
      { everyMs: 100 },
    );
    const namespace = await readlink(`/proc/${sandbox.pid}/ns/pid`);
    await until('its devices', () => existsSync(`/proc/${sandbox.pid}/root/run/lab/printer/udhcpc.pid`));
    process.kill(creator.pid, 'SIGKILL');
    await creator.done;
    await nothingLeft(name, namespace);
  });

  /** Network namespaces are held by processes and by mounts of the sandbox, which end with its last process. */
  async function nothingLeft(name: string, namespace: string) {
    await until('its processes to end', async () => (await processesIn(namespace)).length === 0);
    expect((await listSandboxes()).filter((one) => one.name === name)).toEqual([]);
    expect(existsSync('/run/netns/attic')).toBe(false);
  }
});
