import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../../src/config-file.ts';
import { CHECKS, examine } from '../../../../src/control/doctor/checks.ts';
import { type Machine, type PeerSaid, TOOLS } from '../../../../src/control/doctor/machine.ts';

const SETTINGS: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '1',
  'net.ipv6.conf.all.forwarding': '1',
  'net.netfilter.nf_conntrack_acct': '1',
};
const place = { key: 'http.listen', address: '192.168.1.1:4480', needsPassword: true, problem: undefined };

const kitchen: PeerSaid = {
  router: 'kitchen',
  state: 'alive',
  heardBy: undefined,
  absent: false,
  clock: { trusted: true, aheadSeconds: 0.2 },
  link: { state: 'up', sinceSeconds: 60, reason: 'all', closed: undefined },
};

/** As where nftables is missing. */
const PAST: Machine['kernel'] = {
  asked: true,
  problem: undefined,
  sameSwitch: { how: 'none', why: 'nft is not installed' },
};

/** A router on which all is well, and what a test changes about it. */
function machine(changes: Partial<Machine> = {}): Machine {
  return {
    config: parseConfig('', 'test'),
    nodeVersion: 'v24.1.0',
    root: true,
    capabilities: 0xffff_ffffn,
    tools: new Set(TOOLS),
    kernel: { asked: true, problem: undefined, sameSwitch: { how: 'table' } },
    sysctl: (name) => SETTINGS[name],
    clockSynchronised: true,
    state: { exists: true, writable: true, freeBytes: 1e9 },
    listening: [{ ...place, onlyHere: false }],
    passwordSet: true,
    units: { agent: true, restore: true },
    agent: {
      answers: true,
      problems: [],
      peers: [kitchen],
      clock: { trusted: true, why: 'timedatectl says so' },
    },
    ...changes,
  };
}

const silent = { answers: false, why: 'no agent answers', denied: false } as const;
const noCaps = { capabilities: 0n, root: false };

/** Names of what is not well, with the level. */
const wrong = (changes: Partial<Machine>) =>
  examine(machine(changes)).flatMap(({ name, level }) => (level === 'ok' ? [] : [`${level} ${name}`]));

describe('the doctor', () => {
  it('finds nothing on a router on which all is well, and says something of everything', () => {
    expect(wrong({})).toEqual([]);
    expect(examine(machine()).length).toBeGreaterThanOrEqual(CHECKS.length);
  });

  it.each<[string, Partial<Machine>, string[]]>([
    ['an old Node', { nodeVersion: 'v20.1.0' }, ['fail node']],
    ['no ipset', { tools: new Set(TOOLS.filter((tool) => tool !== 'ipset')) }, ['fail ipset']],
    ['no tcpdump', { tools: new Set(TOOLS.filter((tool) => tool !== 'tcpdump')) }, ['warn tcpdump']],
    ['no rights, but an agent', { ...noCaps }, []],
    ['no rights and no agent', { ...noCaps, agent: silent }, ['warn rights', 'fail agent']],
    ['a kernel nobody may try', { kernel: { asked: false, problem: undefined } }, ['warn kernel']],
    ['a kernel without nftables on bridges', { kernel: PAST }, ['warn bridges']],
    [
      'such a one with bridge-nf for IPv4 only',
      { kernel: PAST, sysctl: (name) => SETTINGS[name] ?? (name.endsWith('call-iptables') ? '1' : '0') },
      ['warn bridges'],
    ],
    [
      'such a one with bridge-nf',
      {
        kernel: PAST,
        sysctl: (name) => SETTINGS[name] ?? (name.startsWith('net.bridge.') ? '1' : undefined),
      },
      [],
    ],
    ['a kernel without sets', { kernel: { asked: true, problem: 'no ip_set' } }, ['fail kernel']],
    [
      'a machine that forwards nothing and tracks nothing',
      { sysctl: () => undefined },
      ['warn forwarding IPv4', 'warn forwarding IPv6', 'warn connections'],
    ],
    [
      'a machine that is no router',
      { sysctl: () => '0' },
      ['warn forwarding IPv4', 'warn forwarding IPv6', 'warn connections'],
    ],
    [
      'a clock that nobody sets',
      { clockSynchronised: undefined, agent: silent },
      ['warn clock', 'fail agent'],
    ],
    ['a state folder of another', { state: { exists: true, writable: false, freeBytes: 1 } }, ['fail state']],
    ['a full disk', { state: { exists: true, writable: true, freeBytes: 1e6 } }, ['warn state']],
    [
      'a port that is taken',
      { agent: silent, listening: [{ ...place, onlyHere: true, problem: 'EADDRINUSE' }] },
      ['fail port 192.168.1.1:4480', 'fail agent'],
    ],
    ['no password for the network', { passwordSet: false }, ['fail password']],
    ['no password and none needed', { passwordSet: false, listening: [{ ...place, onlyHere: true }] }, []],
    ['a password that one may not see', { passwordSet: undefined }, ['warn password']],
    ['an agent that may not be asked', { agent: { ...silent, denied: true } }, ['warn agent']],
    ['no unit', { units: { agent: true, restore: false } }, ['warn boot']],
  ])('sees %s', (_, changes, found) => {
    expect(wrong(changes)).toEqual(found);
  });

  it('passes on what the agent complains of, and who cannot be reached', () => {
    const agent = {
      answers: true,
      problems: ['the disk is full'],
      peers: [{ ...kitchen, state: 'down' }],
      clock: { trusted: false, why: 'nobody agrees' },
    } as const;
    expect(wrong({ agent, clockSynchronised: false })).toEqual(['warn clock', 'warn agent', 'warn peers']);
  });

  const said = (...peers: PeerSaid[]): Partial<Machine> => ({
    agent: { answers: true, problems: [], peers, clock: { trusted: true, why: 'a test' } },
  });
  const messages = (changes: Partial<Machine>) =>
    examine(machine(changes)).flatMap(({ level, message }) => (level === 'ok' ? [] : [message]));
  const { link = { state: 'up', sinceSeconds: 1, reason: 'all', closed: undefined } } = kitchen;

  it.each<[string, Partial<PeerSaid>, string[]]>([
    ['nothing of one that is there', {}, []],
    ['who hears it', { state: 'suspect', heardBy: 'shed' }, ['kitchen is suspect, heard by shed']],
    [
      'nothing of one that others are linked with',
      { state: 'suspect', heardBy: 'shed', link: { ...link, state: 'down', reason: 'surplus' } },
      [],
    ],
    [
      'why one is not linked',
      { link: { ...link, state: 'down', closed: 'silent for 6 s' } },
      ['kitchen is alive but not linked: silent for 6 s'],
    ],
    ['who has been away for long', { state: 'pruned', absent: true }, ['kitchen has been away for long']],
    [
      'a clock that is off',
      { clock: { trusted: true, aheadSeconds: -90 } },
      ['the clock of kitchen is 90 s behind this one: one of the two is wrong'],
    ],
  ])('tells of another router %s', (_, changes, told) => {
    expect(messages(said({ ...kitchen, ...changes }))).toEqual(told);
  });

  it('tells nothing of another router that an agent of before does not tell', () => {
    expect(messages(said({ router: 'kitchen', state: 'alive', heardBy: undefined }))).toEqual([]);
  });

  it('warns when nobody would find anybody once all addresses have changed', () => {
    const alone = parseConfig('{p2p: {mdns: false}}', 'test');
    expect(messages({ config: alone })).toEqual([
      'only by what routers tell each other: when all addresses change nobody finds anybody',
    ]);
    const asked = parseConfig('{p2p: {mdns: false, bootstrap: [/ip4/192.0.2.1/tcp/4411]}}', 'test');
    expect(messages({ config: asked })).toEqual([]);
  });

  it('names a command for whatever does not work, on Debian and on OpenWrt', () => {
    const broken = machine({
      nodeVersion: 'v18.0.0',
      tools: new Set(),
      kernel: { asked: true, problem: 'no ip_set' },
      state: { exists: true, writable: false, freeBytes: undefined },
      listening: [{ ...place, onlyHere: false, problem: 'EADDRINUSE' }],
      passwordSet: false,
      agent: silent,
    });
    const failed = examine(broken).filter(({ level }) => level === 'fail');
    expect(failed.length).toBeGreaterThan(7);
    for (const { name, mend } of failed) {
      expect(mend?.debian, name).toBeTruthy();
      expect(mend?.openwrt, name).toBeTruthy();
    }
  });
});
