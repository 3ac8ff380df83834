import { asRoot, backend, isBridgeNfOn, lock, modules, tools } from './blocking.ts';
import { everywhere, type Finding, fail, ok, packages, warn } from './finding.ts';
import type { Machine } from './machine.ts';
import { clocks, discovery, peers } from './overlay.ts';
import { capabilities, user } from './user.ts';

const OLDEST_NODE = 22;
const LITTLE_BYTES = 50_000_000;

/** A function of what a look at the machine found. */
type Check = (machine: Machine) => Finding | readonly Finding[];

/** What is about the agent and the machine that it runs on, also where it drives a router that is another one. */
const ABOUT_AGENT: readonly Check[] = [clock, stateFolder, ports, password, agent, peers, clocks, discovery];

/** Every check, in the order in which one needs the other. */
export const CHECKS: readonly Check[] = [
  nodeVersion,
  tools,
  user,
  capabilities,
  backend,
  modules,
  lock,
  forwarding,
  accounting,
  bridges,
  ownTraffic,
  ...ABOUT_AGENT,
  bootUnit,
];

/** What the checks say of a machine that drives a router over ssh. */
export function examineDriver(machine: Machine): Finding[] {
  return [nodeVersion, ...ABOUT_AGENT].flatMap((check) => check(machine));
}

/** All that the checks say. */
export function examine(machine: Machine): Finding[] {
  return CHECKS.flatMap((check) => check(machine));
}

function nodeVersion({ nodeVersion: version }: Machine): Finding {
  const major = Number(/^v(\d+)/.exec(version)?.[1] ?? 0);
  if (major >= OLDEST_NODE) return ok('node', `Node ${version}`);
  const mend = { debian: 'npm install --global n && n 24', openwrt: 'opkg update && opkg install node' };
  return fail('node', `Node ${version} is too old: ${OLDEST_NODE} is the least`, mend);
}

function forwarding({ sysctl }: Machine): Finding[] {
  const settings = { 'net.ipv4.ip_forward': 'IPv4', 'net.ipv6.conf.all.forwarding': 'IPv6' };
  return Object.entries(settings).map(([name, family]) => {
    const value = sysctl(name);
    if (value !== undefined && value !== '0') return ok(`forwarding ${family}`, 'on');
    const message = value === undefined ? 'this kernel has none' : 'off: this machine is no router for it';
    return warn(
      `forwarding ${family}`,
      message,
      value === undefined ? undefined : everywhere(`sysctl -w ${name}=1`),
    );
  });
}

function accounting({ sysctl }: Machine): Finding {
  const value = sysctl('net.netfilter.nf_conntrack_acct');
  if (value === undefined)
    return warn('connections', 'the kernel tracks none yet', everywhere('modprobe nf_conntrack'));
  if (value !== '0') return ok('connections', 'tracked and counted');
  return warn(
    'connections',
    'tracked but not counted: the agent turns that on',
    everywhere('sysctl -w net.netfilter.nf_conntrack_acct=1'),
  );
}

function bridges(machine: Machine): Finding {
  const { backend } = machine;
  const sameSwitch = backend.tried && backend.name !== undefined ? backend.sameSwitch : undefined;
  if (sameSwitch?.how === 'table')
    return ok('bridges', 'what devices on one bridge send to each other is blocked, too (nftables)');
  if (isBridgeNfOn(machine))
    return ok('bridges', 'the rules see what devices on one bridge send to each other (bridge-nf)');
  const past = 'devices on one bridge reach each other past the rules';
  if (sameSwitch === undefined)
    return ok('bridges', `${past}, unless nftables works on bridges here: that was not tried`);
  const why = sameSwitch.how === 'none' ? `: ${sameSwitch.why.split('\n')[0]}` : '';
  return warn('bridges', `${past}${why}`, packages('nftables', 'nftables-json kmod-nft-bridge'));
}

/** Only where somebody asked for it. What an agent says of itself is so; else what came of trying. */
function ownTraffic({ config, backend, agent: said, rights }: Machine): Finding[] {
  if (!config.enforce.ownTraffic) return [];
  const name = 'own traffic';
  const found = backend.tried && backend.name !== undefined ? backend.own : undefined;
  const reach = said.answers ? said.reach : undefined;
  const why = reach?.notOwn ?? (reach === undefined && found?.how === 'none' ? found.why : undefined);
  if (why !== undefined) {
    const message = `policies about this router itself are not in force: ${why.split('\n')[0]}`;
    if (!why.includes('nftables'))
      return [warn(name, message, why.startsWith('no interface') ? UPLINK : undefined)];
    return [warn(name, message, packages('nftables', 'nftables-json kmod-nft-core kmod-nft-fib'))];
  }
  if (reach === undefined && found === undefined) {
    const message = 'not tried: whether policies about this router itself can be in force';
    return [warn(name, message, backend.tried ? undefined : asRoot(rights))];
  }
  const byPort =
    found?.how === 'table' && !found.tracked
      ? '; connections are not tracked, so UDP from the ports of DNS and time comes in whatever network is blocked'
      : '';
  return [ok(name, `policies about this router itself are in force, too (nftables)${byPort}`)];
}

/** To be named where none has a default route yet. */
const UPLINK = everywhere(
  'hedgerow config print | grep -A3 wan   # name it in wan.interfaces, or plug it in',
);

function clock({ clockSynchronised, agent: said }: Machine): Finding {
  if (said.answers && said.clock.trusted) return ok('clock', said.clock.why);
  if (clockSynchronised === true) return ok('clock', 'synchronised');
  const mend = {
    debian: 'apt-get install -y systemd-timesyncd && timedatectl set-ntp true',
    openwrt: '/etc/init.d/sysntpd enable && /etc/init.d/sysntpd restart',
  };
  const why = said.answers
    ? said.clock.why
    : clockSynchronised === false
      ? 'not synchronised'
      : 'nobody here can tell whether it is synchronised';
  return warn('clock', `${why}: times of policies are counted down instead`, mend);
}

function stateFolder(machine: Machine): Finding {
  const {
    config,
    state,
    rights,
    agent: said,
    user: { name },
  } = machine;
  const folder = config.agent.stateDir;
  const mayNot = (message: string) => warn('state', message, everywhere('sudo hedgerow doctor'));
  if (rights.uid !== 0 && !state.writable) {
    if (said.answers) return ok('state', `${folder} is the agent's own`);
    return mayNot(
      state.exists ? `${folder} is not yours to write` : `${folder} is not there yet, or not for you to see`,
    );
  }
  if (!state.exists) return ok('state', `${folder} is made by the agent`);
  if (!state.writable) {
    const mend = everywhere(`mount -o remount,rw ${folder}; chmod 700 ${folder}`);
    return fail('state', `${folder} cannot be written`, mend);
  }
  if (state.foreign.length > 0) {
    const mend = everywhere(`chown -R -h ${name}: ${folder}`);
    return fail('state', `${folder}: not of ${name}, who cannot read it: ${state.foreign.join(', ')}`, mend);
  }
  const { freeBytes } = state;
  if (freeBytes !== undefined && freeBytes < LITTLE_BYTES)
    return warn(
      'state',
      `${folder} has ${Math.round(freeBytes / 1e6)} MB left`,
      everywhere(`df -h ${folder}`),
    );
  return ok('state', folder);
}

function ports({ listening, agent: said }: Machine): Finding[] {
  if (said.answers)
    return [
      ok(
        'ports',
        `the agent has ${listening.length} of the configuration; hedgerow status tells of those that failed`,
      ),
    ];
  const taken = listening.filter(({ problem }) => problem !== undefined);
  if (taken.length === 0) return [ok('ports', `${listening.length} of the configuration are free`)];
  return taken.map(({ key, address, problem }) =>
    fail(`port ${address}`, `${key}: ${problem}`, {
      debian: `ss -ltnp 'sport = :${portOf(address)}'`,
      openwrt: `netstat -ltnp | grep ':${portOf(address)} '`,
    }),
  );
}

function password({ listening, passwordSet }: Machine): Finding {
  const open = listening.filter(({ onlyHere, needsPassword }) => needsPassword && !onlyHere);
  if (passwordSet === true) return ok('password', 'set');
  if (open.length === 0) return ok('password', 'not needed: HTTP and MQTT listen on this machine only');
  const where = open.map(({ address }) => address).join(', ');
  if (passwordSet === undefined)
    return warn(
      'password',
      `needed for ${where}; whether it is set is not yours to see`,
      everywhere('sudo hedgerow doctor'),
    );
  return fail('password', `none is set, so ${where} is not opened`, everywhere('hedgerow config password'));
}

function agent({ agent: said }: Machine): Finding[] {
  if (said.answers) {
    const problems = said.problems.map((problem) => warn('agent', problem));
    return problems.length > 0 ? problems : [ok('agent', 'runs, and has nothing to complain of')];
  }
  if (said.denied) return [warn('agent', said.why, everywhere('sudo hedgerow doctor'))];
  return [
    fail('agent', said.why, { debian: 'systemctl start hedgerow', openwrt: '/etc/init.d/hedgerow start' }),
  ];
}

function bootUnit({ units }: Machine): Finding {
  if (units.agent && units.restore) return ok('boot', 'the agent and what it blocked begin with the machine');
  const missing = [...(units.agent ? [] : ['hedgerow']), ...(units.restore ? [] : ['hedgerow-restore'])];
  return warn('boot', `not begun with the machine: ${missing.join(', ')}`, {
    debian: `cp configs/systemd/*.service /etc/systemd/system/ && systemctl enable ${missing.join(' ')}`,
    openwrt: missing.map((name) => `/etc/init.d/${name} enable`).join(' && '),
  });
}

function portOf(address: string): string {
  return /(\d+)$/.exec(address)?.[1] ?? '';
}
