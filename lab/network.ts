/**
 * From a topology to the shell scripts that build it inside the sandbox: pure. Links are made in one `ip -batch`,
 * then every host sets itself up in its own namespace, all at once: first net and the routers, then the devices.
 */
import {
  allSubnets,
  type Device,
  findLan,
  type Lan,
  lanPrefix,
  legOf,
  NET,
  type Router,
  routerAddress,
  subnetBridge,
  subnetPrefix,
  subnetsOf,
  type Topology,
} from './topology.ts';

/** Where the house keeps a host's files, as seen inside. */
export const hostDir = (host: string) => `/run/lab/${host}`;

/** Files outside of the house that its scripts run. */
export interface Programs {
  readonly node: string;
  readonly servers: string;
  readonly udhcpc: string;
}

const hex = (n: number) => n.toString(16).padStart(2, '0');
const family = (address: string) => (address.includes(':') ? '-6' : '-4');

/** The whole house. Fails with the first thing that fails; background services write their logs to their host's directory. */
export function buildScript(topology: Topology, programs: Programs): string {
  const { routers, devices } = topology;
  const inAll = (blocks: readonly (readonly [string, string])[]) =>
    blocks.map(([host, body]) => `at ${host} <<'HOST'\n${body}\nHOST`).join('\n');
  return `set -euo pipefail
pids=()
at() { ip netns exec "$1" bash -euo pipefail <&0 & pids+=($!); }
settle() { for pid in "\${pids[@]}"; do wait "$pid"; done; pids=(); }
mkdir -p ${[NET, ...routers.map(({ name }) => name), ...devices.map(({ name }) => name)].map((host) => `${hostDir(host)} /etc/netns/${host}`).join(' ')}
${resolvers(topology)}
${setZoneFile(topology.zone)}
ip -batch - <<'LINKS'
${links(topology)}
LINKS
${inAll([[NET, netScript(topology, programs)], ...routers.map((router) => [router.name, routerScript(router, topology)] as const)])}
settle
${inAll(devices.map((device) => [device.name, deviceScript(device, topology, programs)] as const))}
settle
`;
}

/** Everything in the zone file of the internet, replaced at once. */
export const setZoneFile = (zone: Topology['zone']): string => `cat > ${hostDir(NET)}/zone <<'ZONE'
${Object.entries(zone)
  .flatMap(([name, addresses]) => addresses.map((address) => `${address} ${name}`))
  .join('\n')}
ZONE`;

/** Commands for net: the addresses are its own from now on; those that it has already stay. */
export const serverAddresses = (addresses: readonly string[]): string =>
  addresses.map((address) => `ip ${family(address)} addr replace ${address} dev lo`).join('\n');

/**
 * Unplugs a device and plugs it into another router's first LAN, with the same MAC.
 * @param address IPv4 to ask the router's DHCP server for; without, the server chooses.
 */
export function moveScript(
  device: Device,
  to: Router,
  lan: Lan,
  programs: Programs,
  address: { ipv4?: string; ipv6?: string } = {},
): string {
  const port = `to-${device.name}`;
  return `set -euo pipefail
${stopDhcp(device)}
ip -n ${device.router} link set ${port} down
ip -n ${device.name} addr flush dev eth0 scope global
${device.router === to.name ? '' : `ip -n ${device.router} link set ${port} netns ${to.name}`}
ip -n ${to.name} link set ${port} master ${lan.bridge} up
ip netns exec ${device.name} bash -euo pipefail <<'HOST'
${addressing(device, lan, programs, address)}
HOST`;
}

/** The device gives its lease back and stays plugged in without an IPv4 address. */
export const releaseScript = (device: Device): string =>
  `kill -USR2 $(cat ${hostDir(device.name)}/udhcpc.pid) && sleep 0.1\n${stopDhcp(device)}`;

const stopDhcp = (device: Device) =>
  `[ ! -e ${hostDir(device.name)}/udhcpc.pid ] || kill -KILL $(cat ${hostDir(device.name)}/udhcpc.pid)
rm -f ${hostDir(device.name)}/udhcpc.pid`;

const resolvers = ({ routers, devices }: Topology) =>
  [
    `echo nameserver 198.51.100.1 > /etc/netns/${NET}/resolv.conf`,
    ...routers.map(({ name }) => `echo nameserver 127.0.0.1 > /etc/netns/${name}/resolv.conf`),
    ...devices.map(({ name }) => `: > /etc/netns/${name}/resolv.conf`),
  ].join('\n');

function links({ routers, devices }: Topology): string {
  const cable = (a: string, aIf: string, aMac: string, b: string, bIf: string, bMac: string, index = '') =>
    `link add ${aIf} address ${aMac} ${index} netns ${a} type veth peer name ${bIf} address ${bMac} netns ${b}`;
  // The kernel reports a veth's carrier at once only if the two ends' numbers differ (linkwatch_urgent_event in
  // net/core/link_watch.c), otherwise up to 1 s late; wan0 is 2 in its router, and so would be the first leg in net.
  const number = (router: Router, subnet: number) => `index ${100 + 100 * subnet + router.number}`;
  return [
    ...[NET, ...routers.map(({ name }) => name), ...devices.map(({ name }) => name)].map(
      (host) => `netns add ${host}`,
    ),
    ...routers.flatMap((router) =>
      subnetsOf(router).map((subnet, i) => {
        const [leg, wan] = ['02', '01'].map(
          (side) => `02:00:00:${side}:${hex(subnet)}:${hex(router.number)}`,
        );
        const index = number(router, subnet);
        return cable(NET, legOf(router, subnet), `${leg}`, router.name, `wan${i}`, `${wan}`, index);
      }),
    ),
    ...devices.map((device, i) =>
      cable(device.name, 'eth0', device.mac, device.router, `to-${device.name}`, `02:00:00:03:00:${hex(i)}`),
    ),
  ].join('\n');
}

/** No duplicate address detection (it costs seconds), no router advertisements, bridged frames past iptables. */
const quiet = `for f in /proc/sys/net/ipv6/conf/*/accept_dad /proc/sys/net/ipv6/conf/*/accept_ra; do echo 0 > $f; done
for f in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e $f ] || echo 0 > $f; done`;

const forward = `echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding`;

const bridge = (name: string, mac: string) =>
  `link add ${name} address ${mac} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`;

const dnsmasq = (host: string, options: readonly string[]) =>
  `dnsmasq --conf-file=/dev/null --user=root --group=root --pid-file=${hostDir(host)}/dnsmasq.pid \\
  --log-facility=${hostDir(host)}/dnsmasq.log --bind-interfaces --no-hosts --no-resolv ${options.join(' ')}`;

function netScript({ routers, zone, ttl }: Topology, programs: Programs): string {
  const dir = hostDir(NET);
  const subnets = allSubnets({ routers });
  return `ip -batch - <<'IP'
${subnets.map((subnet) => bridge(subnetBridge(subnet), `02:00:00:00:00:${hex(subnet + 1)}`)).join('\n')}
link set lo up
IP
${quiet}
${forward}
ip -batch - <<'IP'
${routers.flatMap((router) => subnetsOf(router).map((subnet) => `link set ${legOf(router, subnet)} master ${subnetBridge(subnet)} up`)).join('\n')}
${subnets.map((subnet) => gateway(subnet)).join('\n')}
${routers.flatMap((router) => router.lans.map((lan) => `route add ${lanPrefix(lan).ipv6}:/64 via ${routerAddress(router).ipv6}`)).join('\n')}
IP
${serverAddresses([...new Set(Object.values(zone).flat())])}
nft -f - <<'NFT'
${faults}
NFT
setsid ${programs.node} ${programs.servers} ${dir}/servers.sock >> ${dir}/servers.log 2>&1 < /dev/null &
${dnsmasq(NET, [...subnets.map((subnet) => `--interface=${subnetBridge(subnet)}`), '--local=/#/', `--addn-hosts=${dir}/zone`, `--local-ttl=${ttl}`])}`;
}

const gateway = (subnet: number) => `link set ${subnetBridge(subnet)} up
addr add ${subnetPrefix(subnet).ipv4}.1/24 dev ${subnetBridge(subnet)}
addr add ${subnetPrefix(subnet).ipv6}:1/64 dev ${subnetBridge(subnet)} nodad`;

/**
 * Where `cut`, `loss` and `routed` act: on the legs and bridges of the subnets, so that nothing of a router's own is touched. Frames of every
 * kind are dropped, so that neighbours do not answer either. The counters of tests are in `inet lab`.
 */
const faults = `table bridge lab {
  set cut { type ifname . ifname; }
  set away { type ifname; }
  chain loss { }
  chain forward {
    type filter hook forward priority 0;
    iifname . oifname @cut drop
    jump loss
  }
  chain input {
    type filter hook input priority 0;
    iifname @away drop
  }
  chain output {
    type filter hook output priority 0;
    oifname @away drop
  }
}
table inet lab {
  set walls { type ifname . ifname; }
  chain prerouting {
    type filter hook prerouting priority -300;
  }
  chain forward {
    type filter hook forward priority 0;
    iifname . oifname @walls drop
  }
}`;

function routerScript(router: Router, topology: Topology): string {
  const { name, lans } = router;
  const subnets = subnetsOf(router);
  const first = subnetPrefix(subnets[0] ?? 0);
  const ports = topology.devices.filter((device) => device.router === name);
  return `ip -batch - <<'IP'
${lans.map((lan) => bridge(lan.bridge, `02:00:00:00:01:${hex(lan.number)}`)).join('\n')}
link set lo up
IP
${quiet}
${forward}
ip -batch - <<'IP'
${ports.map((device) => `link set to-${device.name} master ${device.bridge} up`).join('\n')}
${lans.map((lan) => `link set ${lan.bridge} up\naddr add ${lanPrefix(lan).ipv4}.1/24 dev ${lan.bridge}\naddr add ${lanPrefix(lan).ipv6}:1/64 dev ${lan.bridge} nodad`).join('\n')}
${subnets.map((subnet, i) => wan(routerAddress(router, subnet), `wan${i}`)).join('\n')}
route add default via ${first.ipv4}.1
route add ::/0 via ${first.ipv6}:1
IP
nft -f - <<'NFT'
table ip lab {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "wan*" masquerade
  }
}
NFT
${dnsmasq(name, [
  ...lans.map((lan) => `--interface=${lan.bridge}`),
  ...lans.map((lan) => `--dhcp-range=${lanPrefix(lan).ipv4}.100,${lanPrefix(lan).ipv4}.199,255.255.255.0,1h`),
  `--dhcp-leasefile=${hostDir(name)}/dnsmasq.leases --dhcp-authoritative --no-ping`,
  `--server=${first.ipv4}.1 --no-negcache --max-cache-ttl=${topology.ttl}`,
])}`;
}

const wan = ({ ipv4, ipv6 }: { ipv4: string; ipv6: string }, dev: string) => `link set ${dev} up
addr add ${ipv4}/24 dev ${dev}
addr add ${ipv6}/64 dev ${dev} nodad`;

function deviceScript(device: Device, topology: Topology, programs: Programs): string {
  const lan = findLan(topology, device);
  if (!lan) throw new Error(`${device.name} has no LAN: the topology was not checked`);
  return `${quiet}
ip link set lo up
${addressing(device, lan, programs)}`;
}

/** IPv6 by hand, IPv4 by DHCP with the device's name; `-n`: fails when no lease comes within some seconds. */
function addressing(
  device: Device,
  lan: Lan,
  programs: Programs,
  address: { ipv4?: string; ipv6?: string } = {},
) {
  const { ipv6 } = lanPrefix(lan);
  return `ip -batch - <<'IP'
link set eth0 up
addr add ${address.ipv6 ?? `${ipv6}:${device.host.toString(16)}`}/64 dev eth0 nodad
route replace ::/0 via ${ipv6}:1 dev eth0
IP
udhcpc -i eth0 -n -t 20 -T 1 -p ${hostDir(device.name)}/udhcpc.pid -s ${programs.udhcpc} -x hostname:${device.name} \\
  ${address.ipv4 ? `-r ${address.ipv4}` : ''} >> ${hostDir(device.name)}/udhcpc.log 2>&1 < /dev/null`;
}
