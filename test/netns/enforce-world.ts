import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/clock.ts';
import { type Child, createExec, type Exec } from '../../src/local/exec.ts';
import { world } from '../contract/backend.ts';

const TRAFFIC = fileURLToPath(new URL('enforce-traffic.ts', import.meta.url));
let worlds = 0;

/** A device of the world's second LAN. */
export const guest = { v4: '192.168.2.40', v6: '2001:db8:1:2::40' } as const;

type Host = 'tv' | 'console' | 'guest' | 'net';

/** A small world in network namespaces: tv and console on a LAN, guest on another, a router, the internet. */
export interface World {
  /** Runs commands on the router. */
  readonly router: Exec;
  /** One ping, answered within 0.3 s. */
  ping(device: Host, source: string, remote: string): Promise<boolean>;
  /** Starts a part of enforce-traffic.ts; ends with the world. */
  traffic(host: Host | 'router', ...args: string[]): Traffic;
  run(host: Host | 'router', ...argv: string[]): Promise<string>;
  /** Takes all rules, sets and connections out of the router's kernel, whoever made them. */
  reset(): Promise<void>;
  /** The name of a host's network namespace. */
  namespace(host: Host | 'router'): string;
  close(): Promise<void>;
}

export interface Traffic {
  /** The newest number that it told: packets or bytes, since its start. */
  count(): number;
  /** Resolves when it has told any number: what counts is there from then on. */
  tells(): Promise<void>;
  /** Resolves when the number has reached this, rejects after 30 s. */
  reaches(count: number): Promise<void>;
  /** Ends it and resolves to its last number. */
  end(): Promise<number>;
}

export const sleep = (ms: number): Promise<void> => systemClock.sleep(ms);

/** Needs root in the current user namespace. */
export async function createWorld(): Promise<World> {
  worlds += 1;
  const ns = (host: string): string => `hedge-${process.pid}-${worlds}-${host}`;
  const hosts = ['router', 'tv', 'console', 'guest', 'net'] as const;
  const host = createExec();
  const stopper = new AbortController();
  const children: Child[] = [];
  const must = async (argv: readonly string[], exec = host): Promise<string> => {
    const { code, stdout, stderr } = await exec.run(argv, { timeoutMs: 20_000 });
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
    return stdout;
  };
  const inside = (name: string): Exec => createExec(['ip', 'netns', 'exec', ns(name)]);
  const script = async (name: string, lines: string): Promise<void> => {
    await must(['sh', '-ec', lines], inside(name));
  };
  const close = async (): Promise<void> => {
    stopper.abort();
    await Promise.all(children.map((child) => child.exited));
    for (const name of hosts) await host.run(['ip', 'netns', 'del', ns(name)]);
  };
  const up = async (): Promise<void> => {
    for (const name of hosts) await must(['ip', 'netns', 'add', ns(name)]);
    const { tv, console: other, ads, video } = world;
    await script(
      'router',
      `
      echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
      ip link set lo up
      ip link add lan0 address 02:aa:00:00:00:01 type bridge
      ip link add wan0 address 02:cc:00:00:00:01 type veth peer name eth0 netns ${ns('net')} address 02:cc:00:00:00:02
      ip link add port1 type veth peer name eth0 netns ${ns('tv')} address ${tv.mac}
      ip link add port2 type veth peer name eth0 netns ${ns('console')} address ${other.mac}
      ip link add lan1 address 02:aa:00:00:01:01 type veth peer name eth0 netns ${ns('guest')}
      ip link set lan1 up
      ip link set port1 master lan0 up
      ip link set port2 master lan0 up
      ip link set lan0 up
      ip link set wan0 up
      ip addr add 192.168.1.1/24 dev lan0
      ip addr add 2001:db8:1::1/64 dev lan0 nodad
      ip addr add 192.168.2.1/24 dev lan1
      ip addr add 2001:db8:1:2::1/64 dev lan1 nodad
      ip addr add 203.0.113.1/24 dev wan0
      ip addr add 2001:db8:f::1/64 dev wan0 nodad
      echo 1 > /proc/sys/net/ipv4/ip_forward
      echo 1 > /proc/sys/net/ipv6/conf/all/forwarding`,
    );
    const leaf = (addresses: readonly string[], via4: string, via6: string): string => `
      echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad
      ip link set lo up
      ip link set eth0 up
      ${addresses.map((one) => `ip addr add ${one} dev eth0${one.includes(':') ? ' nodad' : ''}`).join('\n')}
      ip route add default via ${via4}
      ip -6 route add default via ${via6}`;
    const onLan = (...v: string[]): string =>
      leaf(
        v.map((one) => `${one}/${one.includes(':') ? 64 : 24}`),
        '192.168.1.1',
        '2001:db8:1::1',
      );
    await script('tv', onLan(tv.v4, tv.newV4, tv.v6, tv.newV6));
    await script('console', onLan(other.v4, other.v6));
    await script('guest', leaf([`${guest.v4}/24`, `${guest.v6}/64`], '192.168.2.1', '2001:db8:1:2::1'));
    const remotes = [ads, video].flatMap(({ v4, v6 }) => [`${v4}/24`, `${v6}/64`]);
    await script('net', leaf(remotes, '203.0.113.1', '2001:db8:f::1'));
  };
  try {
    await up();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    router: inside('router'),
    async ping(device, source, remote) {
      const { code } = await inside(device).run(['ping', '-n', '-c', '1', '-W', '0.3', '-I', source, remote]);
      return code === 0;
    },
    traffic(name, ...args) {
      const child = inside(name).open([process.execPath, TRAFFIC, ...args], stopper.signal);
      children.push(child);
      return follow(child);
    },
    run: (name, ...argv) => must(argv, inside(name)),
    reset: () =>
      script(
        'router',
        `
        nft flush ruleset
        for each in iptables-legacy ip6tables-legacy; do
          for table in mangle filter; do $each -t $table -F; $each -t $table -X; done
        done
        ipset destroy
        conntrack -F 2> /dev/null`,
      ),
    namespace: ns,
    close,
  };
}

function follow(child: Child): Traffic {
  let count = 0;
  const first = Promise.withResolvers<void>();
  child.stderr.pipe(process.stderr);
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    count = Number(line);
    first.resolve();
  });
  const ended = new Promise<void>((resolve) => lines.once('close', resolve));
  return {
    count: () => count,
    tells: () => first.promise,
    async reaches(wanted) {
      for (let waited = 0; count < wanted; waited += 10) {
        if (waited > 30_000) throw new Error(`traffic stands at ${count} instead of ${wanted}`);
        await sleep(10);
      }
    },
    async end() {
      child.stdin.end();
      await ended;
      await child.exited;
      return count;
    },
  };
}
