import type { Config } from '../../config-schema.ts';
import type { Exec } from '../exec.ts';
import type { OwnPorts } from './nft/own.ts';

const SSH = 22;
const TIMEOUT_MS = 5_000;
/** Where sshd(8), systemd's socket for it and OpenWrt's dropbear are told where to listen. Some may not be there, or not for us to read. */
const FILES =
  '/etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf /etc/systemd/system/ssh*.socket /etc/systemd/system/ssh*.socket.d/*.conf /etc/config/dropbear';
/** There where the kernel can track connections (nf_conntrack). */
const TRACKING = '/proc/sys/net/netfilter/nf_conntrack_max';
const TRACKED = '# connections are tracked';
/** More ports than this nobody has. */
const MAX_PORTS = 16;

/**
 * By which ports this router is reached, by people and by other routers, and whether its connections are tracked, which
 * `observe.track` asks for. Never rejects but when the signal aborts.
 */
export async function ownPorts(
  { p2p, http, observe, exec: { ssh } }: Pick<Config, 'p2p' | 'http' | 'observe' | 'exec'>,
  exec: Exec,
  signal: AbortSignal,
): Promise<OwnPorts> {
  const script = `cat ${FILES} 2>/dev/null; echo; test ! -e ${TRACKING} || echo '${TRACKED}'`;
  const said = await exec.run(['sh', '-c', script], { timeoutMs: TIMEOUT_MS, signal }).catch(() => {
    signal.throwIfAborted();
    return { stdout: '' };
  });
  const overlay = p2p.listen.flatMap((address) => numberOf(/\/tcp\/(\d+)/.exec(address)?.[1]));
  const page = http.listen.flatMap((address) => numberOf(/:(\d+)$/.exec(address)?.[1]));
  const reached = ssh?.port === undefined ? [] : [ssh.port];
  return {
    served: [SSH, ...sshPorts(said.stdout), ...reached, ...overlay, ...page],
    members: overlay,
    tracked: observe.track && said.stdout.split('\n').includes(TRACKED),
  };
}

/** A value may follow `=` or stand in quotes, and a comment behind it. */
const PORT = /^\s*(?:option\s+)?port(?:\s*=\s*|\s+)['"]?(\d{1,5})['"]?\s*(?:#.*)?$/i;
const ADDRESS =
  /^\s*(?:listenaddress|listenstream)(?:\s*=\s*|\s+)['"]?(?:(?:\[[^\]\s]*\]|[^\s:[\]]+):)?(\d{1,5})['"]?(?:\s|$)/i;

/**
 * The ports in configurations of sshd (sshd_config(5): Port, ListenAddress), its socket (systemd.socket(5): ListenStream) and dropbear
 * (UCI: option Port). Never throws.
 */
export function sshPorts(text: string): number[] {
  const ports = new Set<number>();
  for (const line of text.split('\n')) {
    const [, port] = PORT.exec(line) ?? ADDRESS.exec(line) ?? [];
    for (const one of numberOf(port)) if (ports.size < MAX_PORTS) ports.add(one);
  }
  return [...ports];
}

function numberOf(text: string | undefined): number[] {
  const port = Number(text ?? 0);
  return port >= 1 && port <= 65_535 ? [port] : [];
}
