import type { Config } from '../../config-schema.ts';
import type { Exec } from '../exec.ts';
import type { OwnPorts } from './nft/own.ts';

const SSH = 22;
const TIMEOUT_MS = 5_000;
/** Where sshd(8) and OpenWrt's dropbear are told where to listen. Some may not be there, or not for us to read. */
const FILES = '/etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf /etc/config/dropbear';
/** More ports than this nobody has. */
const MAX_PORTS = 16;

/** By which ports this router is reached, by people and by other routers. Never rejects but when the signal aborts. */
export async function ownPorts(
  { p2p, http, exec: { ssh } }: Pick<Config, 'p2p' | 'http' | 'exec'>,
  exec: Exec,
  signal: AbortSignal,
): Promise<OwnPorts> {
  const script = `cat ${FILES} 2>/dev/null; true`;
  const said = await exec.run(['sh', '-c', script], { timeoutMs: TIMEOUT_MS, signal }).catch(() => {
    signal.throwIfAborted();
    return { stdout: '' };
  });
  const overlay = p2p.listen.flatMap((address) => numberOf(/\/tcp\/(\d+)/.exec(address)?.[1]));
  const page = http.listen.flatMap((address) => numberOf(/:(\d+)$/.exec(address)?.[1]));
  const reached = ssh?.port === undefined ? [] : [ssh.port];
  return { served: [SSH, ...sshPorts(said.stdout), ...reached, ...overlay, ...page], members: overlay };
}

/** The ports in configurations of sshd (sshd_config(5): Port, ListenAddress) and dropbear (UCI: option Port). Never throws. */
export function sshPorts(text: string): number[] {
  const ports = new Set<number>();
  for (const line of text.split('\n')) {
    const [, port] =
      /^\s*(?:option\s+)?port\s+['"]?(\d{1,5})['"]?\s*$/i.exec(line) ??
      /^\s*listenaddress\s+(?:\[[^\]\s]*\]|[^\s:[\]]+):(\d{1,5})(?:\s|$)/i.exec(line) ??
      [];
    for (const one of numberOf(port)) if (ports.size < MAX_PORTS) ports.add(one);
  }
  return [...ports];
}

function numberOf(text: string | undefined): number[] {
  const port = Number(text ?? 0);
  return port >= 1 && port <= 65_535 ? [port] : [];
}
