import type { Config } from '../../config-schema.ts';
import type { Elsewhere, Exec } from '../../local/exec.ts';
import { tryRun } from '../../local/observe/try-run.ts';
import { everywhere, type Finding, fail, ok, warn } from './finding.ts';

const TRY_MS = 10_000;

/** What a router over ssh is asked for: the tools, what goes wrong without them, and packages of OpenWrt. */
const ASKED = [
  { tools: ['ip'], level: 'fail', without: 'no interface is found', packages: 'ip-full' },
  { tools: ['conntrack'], level: 'warn', without: 'flows are read from /proc', packages: 'conntrack' },
  { tools: ['tcpdump'], level: 'warn', without: 'no names are seen', packages: 'tcpdump-mini' },
  { tools: ['sysctl'], level: 'warn', without: 'flows may lack counters', packages: 'procps-ng-sysctl' },
] as const;
const FORWARDING = ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding'];

/** Looks at a router over ssh, with its stock tools. Changes nothing. Rejects when the connection is lost meanwhile. */
export async function examineRouter(
  exec: Exec,
  router: Elsewhere,
  { enforce }: Pick<Config, 'enforce'>,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { name, why, hint } = router;
  if (why !== undefined) return [fail('router', why, hint === undefined ? undefined : everywhere(hint))];
  const isThere = async (tool: string) => {
    const options = { timeoutMs: TRY_MS, signal };
    return (await tryRun(exec, ['sh', '-c', `command -v ${tool}`], options)).code === 0;
  };
  const found = [ok('router', `${name} is reached over ssh`)];
  const [ipset = false, iptables = false, nft = false] = await Promise.all(
    ['ipset', 'iptables', 'nft'].map(isThere),
  );
  found.push(blocks({ ipset: ipset && iptables, nft }, enforce, `ssh ${name} opkg install`));
  for (const { tools, level, without, packages } of ASKED) {
    const there = await Promise.all(tools.map(isThere));
    const title = tools.join(' or ');
    if (there.some(Boolean))
      found.push(ok(title, `${tools.filter((_, n) => there[n]).join(' and ')}, there`));
    else {
      const mend = everywhere(`ssh ${name} opkg install ${packages}`);
      found.push({ name: title, level, message: `not there: ${without}`, mend });
    }
  }
  for (const setting of FORWARDING) {
    const { stdout } = await tryRun(exec, ['cat', `/proc/sys/${setting}`], { timeoutMs: TRY_MS, signal });
    const title = `forwarding ${setting.includes('ipv4') ? 'IPv4' : 'IPv6'}`;
    const mend = everywhere(`ssh ${name} sysctl -w ${setting.replaceAll('/', '.')}=1`);
    found.push(stdout.trim() === '1' ? ok(title, 'on') : warn(title, 'off: it is no router for it', mend));
  }
  return found;
}

/** What there is to block with, as the configuration asks for it. ipset asks through iptables and is nothing without. */
function blocks(
  there: { readonly ipset: boolean; readonly nft: boolean },
  { backend, ownTraffic }: Config['enforce'],
  install: string,
): Finding {
  const names = [...(there.ipset ? ['ipset and iptables'] : []), ...(there.nft ? ['nft'] : [])];
  const nftables = everywhere(`${install} nftables-json kmod-nft-bridge kmod-nft-fib`);
  if (backend === 'ipset' && !there.ipset)
    return fail(
      'blocks with',
      'enforce.backend is ipset, which takes ipset and iptables there: nothing is blocked',
      everywhere(`${install} ipset iptables-nft ip6tables-nft kmod-ipt-ipset`),
    );
  if (names.length === 0 || (backend === 'nftables' && !there.nft))
    return fail(
      'blocks with',
      `${backend === 'nftables' ? 'enforce.backend is nftables, and nft is not there' : 'neither ipset with iptables nor nft is there'}: nothing is blocked`,
      nftables,
    );
  if (there.nft) return ok('blocks with', `${names.join(', ')}: there`);
  const own = ownTraffic ? ', nor are policies about that router itself in force' : '';
  return warn(
    'blocks with',
    `${names.join()}, no nft: devices on one bridge are not kept apart${own}`,
    nftables,
  );
}
