import { everywhere, type Finding, fail, type Mend, ok, packages, warn } from './finding.ts';
import { type Machine, TOOLS, type Tool } from './machine.ts';

type Lack = { readonly level: 'ok' | 'warn' | 'fail'; readonly without: string };

const PACKAGES: Readonly<Record<Tool, Mend>> = {
  ip: packages('iproute2', 'ip-full'),
  ipset: packages('ipset', 'ipset kmod-ipt-ipset'),
  iptables: packages('iptables', 'iptables-nft ip6tables-nft kmod-ipt-ipset'),
  conntrack: packages('conntrack', 'conntrack'),
  tcpdump: packages('tcpdump', 'tcpdump-mini'),
  nft: packages('nftables', 'nftables'),
  sysctl: packages('procps', 'busybox'),
};

/** What a backend needs of the kernel, and what seeing flows does. */
const MODULES = {
  ipset: ['ip_set', 'ip_set_hash_ip', 'ip_set_hash_net', 'xt_set', 'xt_mac'],
  nftables: ['nf_tables'],
  flows: ['nf_conntrack', 'nf_conntrack_netlink'],
} as const;
const MODULE_PACKAGES = {
  ipset: 'kmod-ipt-core kmod-ipt-ipset',
  nftables: 'kmod-nft-core',
  flows: 'kmod-nf-conntrack kmod-nf-conntrack-netlink',
} as const;

/** What is missing of the tools. ipset and iptables are missed only where nftables does not do their work, and the other way round. */
export function tools(machine: Machine): Finding[] {
  return TOOLS.map((tool) => {
    if (machine.tools.has(tool)) return ok(tool, 'installed');
    const { level, without } = lackOf(tool, machine);
    const message = `not installed: ${without}`;
    return level === 'ok' ? ok(tool, message) : { name: tool, level, message, mend: PACKAGES[tool] };
  });
}

function lackOf(tool: Tool, machine: Machine): Lack {
  const asked = machine.config.enforce.backend;
  const blocks = backendInUse(machine);
  switch (tool) {
    case 'ip':
      return { level: 'fail', without: 'no interface is found' };
    case 'conntrack':
      return { level: 'fail', without: 'no flow is seen' };
    case 'tcpdump':
      return { level: 'warn', without: 'no names are seen' };
    case 'sysctl':
      return { level: 'warn', without: 'connections are not counted, unless the kernel does by itself' };
    case 'nft':
      return asked === 'nftables' || blocks === undefined
        ? { level: 'fail', without: 'nftables cannot block' }
        : lackOfNft(machine);
    default:
      if (blocks === 'nftables' || asked === 'nftables')
        return { level: 'ok', without: 'not needed, nftables blocks' };
      // Nobody may try, so nobody knows whether nftables would do.
      if (asked === 'auto' && !machine.backend.tried && machine.tools.has('nft'))
        return { level: 'warn', without: 'nftables has to block' };
      return { level: 'fail', without: 'ipset cannot block' };
  }
}

/** What ipset leaves to nftables. */
function lackOfNft(machine: Machine): Lack {
  const lost = [
    ...(isBridgeNfOn(machine) ? [] : ['two devices on one bridge cannot be kept apart']),
    ...(machine.config.enforce.ownTraffic ? ['policies about this router itself are not in force'] : []),
  ];
  if (lost.length === 0) return { level: 'ok', without: 'not needed, ipset blocks' };
  return { level: 'warn', without: lost.join(', and ') };
}

/** Whether the rules of iptables see what passes a bridge, in both families. */
export function isBridgeNfOn({ sysctl }: Machine): boolean {
  const on = (tool: string) => (sysctl(`net.bridge.bridge-nf-call-${tool}`) ?? '0') !== '0';
  return on('iptables') && on('ip6tables');
}

/** The agent's own, else the one that was found by trying. */
function backendInUse({ agent, backend }: Machine): string | undefined {
  if (agent.answers && agent.backend?.works === true) return agent.backend.name;
  return backend.tried ? backend.name : undefined;
}

/** To look again as root, who may try; nothing for root, who is told what he lacks beside his capabilities. */
export function asRoot({ uid }: Machine['rights']): Mend | undefined {
  return uid === 0 ? undefined : everywhere('sudo hedgerow doctor');
}

/** Which backend blocks, or would, and why this one. */
export function backend({ backend: found, agent, config, rights }: Machine): Finding {
  const asked = config.enforce.backend;
  if (agent.answers && agent.backend !== undefined) {
    const { works, detail } = agent.backend;
    // Why it enforces nothing is one of its problems, told with the others.
    return works
      ? ok('backend', `the agent blocks with ${detail}`)
      : warn('backend', `the agent blocks nothing: ${detail}`);
  }
  if (!found.tried) return warn('backend', 'not tried: it needs CAP_NET_ADMIN', asRoot(rights));
  if (found.name === 'dry-run') return warn('backend', 'enforce.backend is dry-run: nothing is blocked here');
  if (found.name !== undefined)
    return ok(
      'backend',
      `${found.detail}${found.name === 'ipset' ? `: ${asked === 'auto' ? 'the default where it works' : 'as configured'}` : ''}`,
    );
  return fail('backend', `nothing can block here: ${found.problem}`, {
    debian: 'apt-get install -y ipset iptables nftables',
    openwrt: 'opkg update && opkg install nftables kmod-nft-core',
  });
}

/** Which modules the kernel lacks, where something does not work that needs them: what works needs no look. */
export function modules(machine: Machine): Finding {
  const { backend: found, module, sysctl, agent } = machine;
  const asked = machine.config.enforce.backend;
  const blocks =
    (found.tried && found.name !== undefined) || (agent.answers && agent.backend?.works === true);
  const kinds = [
    ...(blocks || !found.tried
      ? []
      : asked === 'auto'
        ? (['ipset', 'nftables'] as const)
        : asked === 'dry-run'
          ? []
          : [asked]),
    ...(sysctl('net.netfilter.nf_conntrack_acct') === undefined ? (['flows'] as const) : []),
  ];
  const lacking = kinds.flatMap((kind) => MODULES[kind]).filter((name) => module(name) !== 'there');
  if (lacking.length === 0) return ok('modules', 'the kernel has what is needed');
  const absent = lacking.filter((name) => module(name) === 'absent');
  const message = [
    `not loaded: ${lacking.join(', ')}`,
    ...(absent.length > 0 ? [`this kernel has no ${absent.join(', ')}`] : []),
  ].join('; ');
  return warn('modules', message, {
    debian: `modprobe -a ${lacking.join(' ')}`,
    openwrt: `opkg update && opkg install ${kinds.map((kind) => MODULE_PACKAGES[kind]).join(' ')}`,
  });
}

/** iptables-legacy ends where it may not open the lock that all who use it share. */
export function lock({ lock: { denied, path }, user: { name } }: Machine): Finding[] {
  if (!denied) return [];
  return [
    warn(
      'lock',
      `${name} may not read ${path}: iptables-legacy cannot be used, iptables-nft can`,
      everywhere(`chgrp ${name} ${path} && chmod 640 ${path}`),
    ),
  ];
}
