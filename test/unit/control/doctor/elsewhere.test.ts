import { expect, test } from 'vitest';
import { parseConfig } from '../../../../src/config-file.ts';
import { examineRouter } from '../../../../src/control/doctor/elsewhere.ts';
import type { Elsewhere } from '../../../../src/local/exec.ts';
import { ScriptedExec } from '../../local/enforce/scripted-exec.ts';

const { signal } = new AbortController();
const router: Elsewhere = {
  name: 'root@192.168.1.1',
  why: undefined,
  hint: undefined,
  reached: 1,
  untilReached: async () => undefined,
};

/** What is said of a router that has these tools and forwards both families or neither. */
async function said(tools: string, config = '', forwards = '1') {
  const exec = new ScriptedExec((argv) => {
    if (argv.startsWith('cat ')) return { stdout: `${forwards}\n` };
    return { code: tools.split(' ').includes(argv.split(' ').at(-1) ?? '') ? 0 : 1 };
  });
  return examineRouter(exec, router, parseConfig(config, 'a test'), signal);
}
const ALL = 'ip ipset iptables nft conntrack tcpdump sysctl';

test('a router that has all of it has nothing to mend', async () => {
  expect((await said(ALL)).filter(({ level }) => level !== 'ok')).toEqual([]);
});

test.each([
  ['ip ipset iptables', '', 'warn', 'ipset and iptables, no nft: devices on one bridge are not kept apart'],
  [
    'ip ipset iptables',
    'enforce: {ownTraffic: true}\n',
    'warn',
    /nor are policies about that router itself in force$/,
  ],
  ['ip nft', '', 'ok', 'nft: there'],
  ['ip ipset', '', 'fail', 'neither ipset with iptables nor nft is there: nothing is blocked'],
  [
    'ip ipset nft',
    'enforce: {backend: ipset}\n',
    'fail',
    /^enforce.backend is ipset, which takes ipset and iptables/,
  ],
  [
    'ip ipset iptables',
    'enforce: {backend: nftables}\n',
    'fail',
    /^enforce.backend is nftables, and nft is not there/,
  ],
])('with %s and %j it blocks or says what to install', async (tools, config, level, message) => {
  const found = (await said(tools, config)).find(({ name }) => name === 'blocks with');
  expect(found?.level).toBe(level);
  expect(found?.message).toEqual(typeof message === 'string' ? message : expect.stringMatching(message));
  if (level !== 'ok') expect(found?.mend?.openwrt).toMatch(/^ssh root@192.168.1.1 opkg install /);
});

test('each thing that is missing has a command that mends it', async () => {
  const found = await said('', '', '0');
  const wrong = found.filter(({ level }) => level !== 'ok');
  expect(wrong.map(({ name }) => name)).toEqual([
    'blocks with',
    'ip',
    'conntrack',
    'tcpdump',
    'sysctl',
    'forwarding IPv4',
    'forwarding IPv6',
  ]);
  for (const { mend } of wrong) expect(mend?.openwrt).toContain('ssh root@192.168.1.1 ');
});

test('one that cannot be reached is asked nothing', async () => {
  const away = { ...router, why: 'connection refused', hint: 'start its ssh' };
  expect(
    await examineRouter(new ScriptedExec(() => undefined), away, parseConfig('', 'a test'), signal),
  ).toEqual([
    {
      name: 'router',
      level: 'fail',
      message: 'connection refused',
      mend: { debian: 'start its ssh', openwrt: 'start its ssh' },
    },
  ]);
});
