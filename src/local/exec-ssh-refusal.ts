import { messageOf } from '../errors.ts';
import type { Exec } from './exec.ts';
import { quoted, refusalOf, type SshTarget } from './exec-ssh-words.ts';

const SCAN_MS = 8_000;
/** Where routers keep what a person compares the fingerprint with: Dropbear's, and OpenSSH's. */
const AT_THE_ROUTER =
  'dropbearkey -y -f /etc/dropbear/dropbear_ed25519_host_key, or ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub';

export interface Explanation {
  readonly why: string;
  /** What a person can do about it. */
  readonly hint?: string | undefined;
}

/**
 * What ssh's complaint means, for a person. A host key is never taken on trust: the fingerprint that the router shows is told,
 * with where to compare it and how to accept it. Rejects only when the signal aborts.
 */
export async function explain(
  { complaint, ended, target, here }: { complaint: string; ended: string; target: SshTarget; here: Exec },
  signal: AbortSignal,
): Promise<Explanation> {
  const { kind, fingerprint, said } = refusalOf(complaint);
  const { host, port, user, key, knownHosts } = target;
  const where = port === 22 ? host : `[${host}]:${port}`;
  const forget = `ssh-keygen -f ${knownHosts} -R ${quoted(where)}`;
  const accept = `ssh-keyscan -p ${port} -t ed25519,ecdsa,rsa ${host} >> ${knownHosts}`;
  switch (kind) {
    case 'changed host key':
      return {
        why: `its host key is not the one in ${knownHosts} any more; it shows ${fingerprint ?? 'another one'}`,
        hint: `it was installed anew, or it is not your router. Compare at the router (${AT_THE_ROUTER}); if it is the same: ${forget} && ${accept}`,
      };
    case 'unknown host key': {
      const shown = await shownBy(target, here, signal);
      return {
        why: `its host key is not in ${knownHosts}; it shows ${shown}`,
        hint: `compare that at the router (${AT_THE_ROUTER}); if it is the same: ${accept}`,
      };
    }
    case 'denied':
      return {
        why: `it does not let ${user} in with ${key ?? 'the default keys of ssh'}`,
        hint: `add the public key (${key ?? '~/.ssh/id_ed25519'}.pub) to /etc/dropbear/authorized_keys or ~/.ssh/authorized_keys there`,
      };
    default:
      if (said === '' && ended.includes('ENOENT'))
        return { why: 'ssh is not installed on this machine', hint: 'apt-get install -y openssh-client' };
      return { why: said || 'ssh ended without a word' };
  }
}

/** The fingerprints that the router shows now. */
async function shownBy({ host, port }: SshTarget, here: Exec, signal: AbortSignal): Promise<string> {
  try {
    const scanned = await here.run(['ssh-keyscan', '-T', '5', '-p', `${port}`, host], {
      timeoutMs: SCAN_MS,
      signal,
    });
    const read = await here.run(['ssh-keygen', '-l', '-f', '-'], {
      input: scanned.stdout,
      timeoutMs: SCAN_MS,
      signal,
    });
    const keys = Array.from(
      read.stdout.matchAll(/(SHA256:\S+) .*\((\w+)\)/g),
      ([, print, type]) => `${type} ${print}`,
    );
    return keys.join(', ') || 'none that could be read';
  } catch (error) {
    signal.throwIfAborted();
    return `none that could be read (${messageOf(error)})`;
  }
}
