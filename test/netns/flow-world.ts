import { createExec, type Exec } from '../../src/local/exec.ts';

/** A router with two LANs, NAT for IPv4, a port forward that also turns back into the LAN, three devices and the internet. */

const PREFIX = `hgflow${process.pid}`;
const HOSTS = ['router', 'tv', 'camera', 'guest', 'net'] as const;
export type Host = (typeof HOSTS)[number];

export const ADDRESS = {
  tv: ['192.168.77.11', 'fd77::11'],
  camera: ['192.168.77.12', 'fd77::12'],
  guest: ['192.168.20.13', 'fd20::13'],
  net: ['203.0.113.2', '2001:db8:1::2'],
} as const;
export const OUTSIDE = '203.0.113.1';

const here = createExec();

export function on(host: Host): Exec {
  return createExec(['ip', 'netns', 'exec', `${PREFIX}-${host}`]);
}

/** Runs a script on a host; what it printed. Throws when it fails. */
export async function run(host: Host, script: string, timeoutMs = 20_000): Promise<string> {
  return checked(on(host), script, timeoutMs);
}

async function checked(exec: Exec, script: string, timeoutMs = 20_000): Promise<string> {
  const { code, stdout, stderr } = await exec.run(['bash', '-ec', script], { timeoutMs });
  if (code !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
}

export async function build(): Promise<void> {
  for (const host of HOSTS) await checked(here, `ip netns add ${PREFIX}-${host}`);
  await run(
    'router',
    `sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0
     sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
     ip link set lo up
     ip link add br-lan address 02:00:00:00:00:01 type bridge; ip link set br-lan up
     ip link add br-guest address 02:00:00:00:00:03 type bridge; ip link set br-guest up
     ip addr add 192.168.77.1/24 dev br-lan; ip addr add fd77::1/64 dev br-lan nodad
     ip addr add 192.168.20.1/24 dev br-guest; ip addr add fd20::1/64 dev br-guest nodad`,
  );
  await checked(
    here,
    `ip link add wan0 netns ${PREFIX}-router address 02:00:00:00:00:02 type veth peer name eth0 netns ${PREFIX}-net address 02:00:00:00:09:09`,
  );
  await run(
    'router',
    `ip link set wan0 up; ip addr add ${OUTSIDE}/24 dev wan0; ip addr add 2001:db8:1::1/64 dev wan0 nodad
     ip route add default via 203.0.113.2; ip -6 route add default via 2001:db8:1::2
     nft -f - <<'NFT'
table ip nat {
  chain pre { type nat hook prerouting priority -100; ip daddr ${OUTSIDE} tcp dport 8080 dnat to ${ADDRESS.camera[0]}:5201; }
  chain post { type nat hook postrouting priority 100
    oifname wan0 masquerade
    iifname br-lan oifname br-lan ct status dnat masquerade
  }
}
NFT`,
  );
  await run(
    'net',
    `ip link set lo up; ip link set eth0 up; ip addr add 203.0.113.2/24 dev eth0
     ip addr add 2001:db8:1::2/64 dev eth0 nodad
     ip -6 route add fd77::/64 via 2001:db8:1::1; ip -6 route add fd20::/64 via 2001:db8:1::1`,
  );
  await device('tv', '02:00:00:00:01:01', 'br-lan', '192.168.77.1', 'fd77::1');
  await device('camera', '02:00:00:00:01:02', 'br-lan', '192.168.77.1', 'fd77::1');
  await device('guest', '02:00:00:00:01:03', 'br-guest', '192.168.20.1', 'fd20::1');
}

export async function destroy(): Promise<void> {
  for (const host of HOSTS) await here.run(['ip', 'netns', 'del', `${PREFIX}-${host}`]);
}

async function device(
  name: 'tv' | 'camera' | 'guest',
  mac: string,
  bridge: string,
  gate4: string,
  gate6: string,
): Promise<void> {
  await checked(
    here,
    `ip link add ${name}0 netns ${PREFIX}-router type veth peer name eth0 netns ${PREFIX}-${name} address ${mac}`,
  );
  await run('router', `ip link set ${name}0 master ${bridge} up`);
  const [v4, v6] = ADDRESS[name];
  await run(
    name,
    `sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
     ip link set lo up; ip link set eth0 up
     ip addr add ${v4}/24 dev eth0; ip addr add ${v6}/64 dev eth0 nodad
     ip route add default via ${gate4}; ip -6 route add default via ${gate6}`,
  );
}

export interface Counted {
  readonly packets: number;
  readonly bytes: number;
}

/**
 * Counts in the router's forward hook what `match` meets from now on, as nftables does, without any connection tracking
 * in it: the measure that flows are held against.
 */
export async function count(counters: Readonly<Record<string, string>>): Promise<void> {
  const rules = Object.entries(counters).map(
    ([name, match]) =>
      `add counter inet measure ${name}\nadd rule inet measure forward ${match} counter name ${name}`,
  );
  await run(
    'router',
    `nft -f - <<'NFT'
add table inet measure
add chain inet measure forward { type filter hook forward priority 50; }
${rules.join('\n')}
NFT`,
  );
}

export async function counted(): Promise<ReadonlyMap<string, Counted>> {
  const { nftables } = JSON.parse(await run('router', 'nft --json list counters table inet measure')) as {
    nftables: { counter?: Counted & { name: string } }[];
  };
  return new Map(
    nftables.flatMap(({ counter }) =>
      counter ? [[counter.name, { packets: counter.packets, bytes: counter.bytes }]] : [],
    ),
  );
}

/** iperf3 from one host to a server on another; so many bytes there, and as many back. */
export async function iperf(
  from: Host,
  server: Host,
  address: string,
  { port = 5201, bytes = '4M' } = {},
): Promise<void> {
  const signal = new AbortController();
  const served = on(server).open(['iperf3', '-s', '-p', '5201'], signal.signal);
  served.stdout.resume();
  served.stderr.resume();
  try {
    await run(
      from,
      // The server takes a moment to come, and another between two tests.
      `for back in '' -R; do
         for try in $(seq 50); do iperf3 -c ${address} -p ${port} -n ${bytes} $back >/dev/null 2>&1 && break; sleep .1; done
       done`,
    );
  } finally {
    signal.abort();
    await served.exited;
  }
}

/** New UDP connections, several packets of 100 bytes each, at a steady rate, from ports of their own. */
export async function many(
  from: Host,
  address: string,
  { rate, seconds, packets }: { rate: number; seconds: number; packets: number },
): Promise<{ sent: number; tookMs: number }> {
  const script = `
import json, socket, time
family = socket.AF_INET6 if ':' in '${address}' else socket.AF_INET
total, begun, sent = ${rate * seconds}, time.monotonic(), 0
for n in range(total):
    late = begun + n / ${rate} - time.monotonic()
    if late > 0: time.sleep(late)
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind(('', 10000 + n % 50000))
    for _ in range(${packets}): sent += s.sendto(b'x' * 100, ('${address}', 9999)) == 100
    s.close()
print(json.dumps({'sent': sent, 'tookMs': round((time.monotonic() - begun) * 1000)}))
`;
  const { code, stdout, stderr } = await on(from).run(['python3', '-c', script], {
    timeoutMs: seconds * 5_000 + 20_000,
  });
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as { sent: number; tookMs: number };
}

/** GRE over IPv4 and SCTP (an INIT, with the checksum that the kernel asks for) over IPv6, raw, as nobody here speaks them. */
export async function rawPackets(from: Host): Promise<void> {
  const script = `
import socket, struct
def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8): crc = (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff
gre = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)
for _ in range(3): gre.sendto(struct.pack('!HH', 0, 0x0800) + b'x' * 40, ('${ADDRESS.net[0]}', 0))
init = struct.pack('!BBHIIHHI', 1, 0, 20, 7, 65536, 1, 1, 1)
raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 132)
for port in (4000, 4001):
    head = struct.pack('!HHI', port, 3868, 0)
    raw.sendto(head + struct.pack('<I', crc32c(head + b'\\0' * 4 + init)) + init, ('${ADDRESS.net[1]}', 0))
`;
  const { code, stderr } = await on(from).run(['python3', '-c', script]);
  if (code !== 0) throw new Error(stderr);
}
