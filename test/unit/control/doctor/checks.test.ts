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

const folder = { exists: true, writable: true, freeBytes: 1e9, foreign: [] };
const answering = {
  answers: true,
  problems: [],
  peers: [],
  clock: { trusted: true, why: 'timedatectl says so' },
  rights: { uid: 990, lacks: [] },
  backend: { name: 'ipset', detail: 'ipset, iptables-legacy', works: true },
} as const;
/** What came of trying, with a table for bridges or not. */
const TRIED = {
  tried: true,
  name: 'ipset',
  detail: 'ipset, iptables-legacy',
  sameSwitch: { how: 'table' },
} as const;
/** As where nftables is missing. */
const PAST: Machine['backend'] = { ...TRIED, sameSwitch: { how: 'none', why: 'nft is not installed' } };

/** A router on which all is well, and what a test changes about it. */
function machine(changes: Partial<Machine> = {}): Machine {
  return {
    config: parseConfig('', 'test'),
    nodeVersion: 'v24.1.0',
    rights: { uid: 0, lacks: [] },
    tools: new Set(TOOLS),
    backend: TRIED,
    module: () => 'there',
    lock: { path: '/run/xtables.lock', denied: false },
    user: { name: 'hedgerow', missing: undefined, socketGroup: 'hedgerow', me: 'root' },
    sysctl: (name) => SETTINGS[name],
    clockSynchronised: true,
    state: { ...folder },
    listening: [{ ...place, onlyHere: false }],
    passwordSet: true,
    units: { agent: true, restore: true },
    agent: { ...answering, peers: [kitchen] },
    ...changes,
  };
}

const silent = { answers: false, why: 'no agent answers', denied: false } as const;
const noCaps = { rights: { uid: 1000, lacks: ['CAP_NET_ADMIN', 'CAP_NET_RAW'] } } as const;
const without = (...names: string[]) => new Set(TOOLS.filter((tool) => !names.includes(tool)));
const byNft = { tried: true, name: 'nftables', detail: 'nftables (ipset is not installed)' } as const;
const byNothing = { tried: true, name: undefined, problem: 'no ip_set' } as const;
const configured = (text: string) => ({ config: parseConfig(text, 'test') });

/** A router without an agent, and what came of trying. */
const quiet = (backend: Machine['backend']) => ({ agent: silent, backend });

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
    [
      'no ipset where nothing else blocks',
      { ...quiet(byNothing), tools: without('ipset') },
      ['fail ipset', 'fail backend', 'fail agent'],
    ],
    [
      'no failure in ipset that is missing where nftables blocks',
      {
        ...quiet(byNft),
        tools: without('ipset', 'iptables'),
      },
      ['fail agent'],
    ],
    [
      'nor where an agent blocks with nftables',
      {
        backend: { tried: false },
        agent: {
          ...answering,
          backend: { name: 'nftables', detail: 'nftables (as configured)', works: true },
        },
        tools: without('ipset', 'iptables'),
      },
      [],
    ],
    [
      'nor where nobody asked for it',
      {
        ...configured('{enforce: {backend: nftables}}'),
        ...quiet(byNothing),
        tools: without('ipset', 'iptables', 'nft'),
      },
      ['fail nft', 'fail backend', 'fail agent'],
    ],
    [
      'that nobody knows whether nftables blocks',
      {
        ...quiet({ tried: false }),
        tools: without('ipset'),
      },
      ['warn ipset', 'warn backend', 'fail agent'],
    ],
    ['no nft where ipset blocks', { tools: without('nft') }, ['warn nft']],
    [
      'no nft where ipset blocks and bridge-nf shows the rules what passes a bridge',
      {
        tools: without('nft'),
        sysctl: (name) => SETTINGS[name] ?? (name.startsWith('net.bridge.') ? '1' : undefined),
      },
      [],
    ],
    [
      'no uplink where policies about the router itself are to be in force',
      {
        ...configured('{enforce: {ownTraffic: true}}'),
        ...quiet({ ...TRIED, own: { how: 'none', why: 'no interface towards the internet is known' } }),
      },
      ['warn own traffic', 'fail agent'],
    ],
    ['no tcpdump, no sysctl', { tools: without('tcpdump', 'sysctl') }, ['warn tcpdump', 'warn sysctl']],
    ['no rights, but an agent', { ...noCaps, backend: { tried: false } }, []],
    [
      'no rights and no agent',
      { ...noCaps, ...quiet({ tried: false }) },
      ['warn CAP_NET_ADMIN', 'warn CAP_NET_RAW', 'warn backend', 'fail agent'],
    ],
    [
      'an agent without rights',
      {
        agent: {
          ...answering,
          rights: { uid: 990, lacks: ['CAP_NET_ADMIN', 'CAP_NET_RAW'] },
          backend: { name: 'dry-run', detail: 'only observing: not permitted', works: false },
        },
      },
      ['fail CAP_NET_ADMIN', 'warn CAP_NET_RAW', 'warn backend'],
    ],
    [
      'an agent without CAP_NET_RAW',
      {
        agent: { ...answering, rights: { uid: 990, lacks: ['CAP_NET_RAW'] } },
      },
      ['warn CAP_NET_RAW'],
    ],
    [
      'a kernel without modules',
      { ...quiet(byNothing), module: () => 'absent' },
      ['fail backend', 'warn modules', 'fail agent'],
    ],
    [
      'a dry run',
      {
        ...configured('{enforce: {backend: dry-run}}'),
        ...quiet({ tried: true, name: 'dry-run', detail: 'enforce.backend is dry-run' }),
      },
      ['warn backend', 'fail agent'],
    ],
    [
      'a lock that the agent may not read',
      { lock: { path: '/run/xtables.lock', denied: true } },
      ['warn lock'],
    ],
    [
      'a unit without its user',
      {
        user: { name: 'root', missing: 'hedgerow', socketGroup: undefined, me: 'root' },
      },
      ['fail user'],
    ],
    ['files that root left in the state folder', { state: { ...folder, foreign: ['halt'] } }, ['fail state']],
    [
      'a state folder of the agent, for another',
      {
        ...noCaps,
        backend: { tried: false },
        state: { ...folder, writable: false },
      },
      [],
    ],
    ['a kernel without nftables on bridges', { backend: PAST }, ['warn bridges']],
    [
      'such a one with bridge-nf for IPv4 only',
      { backend: PAST, sysctl: (name) => SETTINGS[name] ?? (name.endsWith('call-iptables') ? '1' : '0') },
      ['warn bridges'],
    ],
    [
      'such a one with bridge-nf',
      {
        backend: PAST,
        sysctl: (name) => SETTINGS[name] ?? (name.startsWith('net.bridge.') ? '1' : undefined),
      },
      [],
    ],
    [
      'a machine that forwards nothing and tracks nothing',
      { sysctl: () => undefined, module: () => 'loadable' },
      ['warn modules', 'warn forwarding IPv4', 'warn forwarding IPv6', 'warn connections'],
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
    ['a state folder of another', { state: { ...folder, writable: false } }, ['fail state']],
    ['a full disk', { state: { ...folder, freeBytes: 1e6 } }, ['warn state']],
    [
      'a port that is taken',
      { agent: silent, listening: [{ ...place, onlyHere: true, problem: 'EADDRINUSE' }] },
      ['fail port 192.168.1.1:4480', 'fail agent'],
    ],
    ['no password for the network', { passwordSet: false }, ['fail password']],
    ['no password and none needed', { passwordSet: false, listening: [{ ...place, onlyHere: true }] }, []],
    ['a password that one may not see', { passwordSet: undefined }, ['warn password']],
    ['an agent that may not be asked', { agent: { ...silent, denied: true } }, ['warn group', 'warn agent']],
    ['no unit', { units: { agent: true, restore: false } }, ['warn boot']],
  ])('sees %s', (_, changes, found) => {
    expect(wrong(changes)).toEqual(found);
  });

  it('passes on what the agent complains of, and who cannot be reached', () => {
    const agent = {
      ...answering,
      problems: ['the disk is full'],
      peers: [{ ...kitchen, state: 'down' }],
      clock: { trusted: false, why: 'nobody agrees' },
    } as const;
    expect(wrong({ agent, clockSynchronised: false })).toEqual(['warn clock', 'warn agent', 'warn peers']);
  });

  const said = (...peers: PeerSaid[]): Partial<Machine> => ({
    agent: { ...answering, peers },
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

  it('tells which backend blocks or would, and why', () => {
    const told = (changes: Partial<Machine>) =>
      examine(machine(changes)).find(({ name }) => name === 'backend')?.message;
    expect(told({})).toBe('the agent blocks with ipset, iptables-legacy');
    expect(told({ agent: silent })).toBe('ipset, iptables-legacy: the default where it works');
    expect(told(quiet(byNft))).toBe('nftables (ipset is not installed)');
    expect(told(quiet(byNothing))).toBe('nothing can block here: no ip_set');
  });

  it('names the modules that are not there, and the group that one is not in', () => {
    const module = (name: string) =>
      name === 'nf_tables' ? 'absent' : name === 'xt_set' ? 'loadable' : 'there';
    const found = examine(machine({ ...quiet(byNothing), module })).find(({ name }) => name === 'modules');
    expect(found?.message).toBe('not loaded: xt_set, nf_tables; this kernel has no nf_tables');
    expect(found?.mend?.debian).toBe('modprobe -a xt_set nf_tables');
    const user = { name: 'hedgerow', missing: undefined, socketGroup: 'hedgerow', me: 'anna' };
    const group = examine(machine({ ...noCaps, user, agent: { ...silent, denied: true } })).find(
      ({ name }) => name === 'group',
    );
    expect(group?.message).toMatch(/^anna is not in the group hedgerow/);
    expect(group?.mend?.debian).toContain('usermod -aG hedgerow anna');
  });

  it('names a command for whatever does not work, on Debian and on OpenWrt', () => {
    const broken = machine({
      nodeVersion: 'v18.0.0',
      tools: new Set(),
      backend: byNothing,
      state: { ...folder, writable: false },
      user: { name: 'root', missing: 'hedgerow', socketGroup: undefined, me: 'root' },
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

  it('tells of policies about the router itself what the agent says, else what came of trying', () => {
    const asked = configured('{enforce: {ownTraffic: true}}');
    const said = (changes: Partial<Machine>) =>
      examine(machine({ ...asked, ...changes })).find(({ name }) => name === 'own traffic');
    const reach = { inside: [], notInside: [], notOwn: 'no interface towards the internet is known' };
    const table: Machine['backend'] = { ...TRIED, own: { how: 'table', tracked: true } };
    // It has tried with the interfaces of when it began.
    const agent = { ...answering, reach };
    expect(said({ backend: table, agent })).toMatchObject({
      level: 'warn',
      message: expect.stringMatching(/not in force: no interface/),
      mend: { debian: expect.stringContaining('wan.interfaces') },
    });
    expect(
      said({ backend: { tried: false }, agent: { ...agent, reach: { ...reach, notOwn: undefined } } })?.level,
    ).toBe('ok');
    expect(said(quiet(table))?.message).toBe(
      'policies about this router itself are in force, too (nftables)',
    );
    expect(said(quiet({ ...TRIED, own: { how: 'table', tracked: false } }))?.message).toContain(
      'not tracked',
    );
    expect(said({ ...quiet({ tried: false }), ...noCaps })).toMatchObject({
      level: 'warn',
      mend: { debian: 'sudo hedgerow doctor' },
    });
    expect(said({ ...configured(''), ...quiet(table) })).toBeUndefined();
    const nft = examine(machine({ ...asked, tools: without('nft') })).find(({ name }) => name === 'nft');
    expect(nft?.message).toContain('kept apart, and policies about this router itself are not in force');
  });

  it('tells root in a container what sudo does not help with', () => {
    const rights = { uid: 0, lacks: ['CAP_NET_ADMIN'] } as const;
    const findings = examine(machine({ ...quiet({ tried: false }), rights }));
    expect(findings.find(({ name }) => name === 'backend')?.mend).toBeUndefined();
    expect(findings.find(({ name }) => name === 'CAP_NET_ADMIN')).toMatchObject({
      message: expect.stringContaining('root lacks it'),
      mend: { debian: expect.stringContaining('--cap-add NET_ADMIN') },
    });
  });
});
