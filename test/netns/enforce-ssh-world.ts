import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import { type Child, createExec, type Exec } from '../../src/local/exec.ts';
import type { SshTarget } from '../../src/local/exec-ssh-words.ts';
import { createWorld, type World } from './enforce-world.ts';

const PORT = 2222;
/** Each is reached by an address of another family. */
const ROUTER = { sshd: '192.168.1.1', dropbear: '2001:db8:1::1' } as const;

/** The small world of enforcement whose router has an sshd, or Dropbear, and BusyBox' shell, driven from the console's place on its LAN. */
export interface SshWorld extends World {
  readonly folder: string;
  readonly target: SshTarget;
  /** Runs commands on the machine that drives the router. */
  readonly driver: Exec;
  /** The fingerprint of the router's host key. */
  readonly fingerprint: string;
  listen(): Promise<void>;
  /** Ends every sshd at once, as a router that loses its power; what they have started goes on. */
  cut(): Promise<void>;
  /** What runs on the router besides its sshd: command lines. */
  processes(): Promise<string[]>;
}

/** A router that only has /etc/passwd and /run of its own: whoever logs in gets BusyBox' ash and no files of a shell. */
export async function createSshWorld(server: keyof typeof ROUTER = 'sshd'): Promise<SshWorld> {
  const world = await createWorld();
  const folder = mkdtempSync(join(tmpdir(), 'hgssh-'));
  const here = createExec();
  const stopper = new AbortController();
  const listening: Child[] = [];
  const at = (name: string): string => join(folder, name);
  const must = async (...argv: string[]): Promise<string> => {
    const { code, stdout, stderr } = await here.run(argv);
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
    return stdout;
  };
  const router = world.namespace('router');
  const address = ROUTER[server];
  const pids = async (): Promise<string[]> => {
    const all = await must('ip', 'netns', 'pids', router);
    return all.split('\n').filter((pid) => pid !== '');
  };
  const commandLine = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    } catch {
      return '';
    }
  };
  const kill = async (which: (line: string) => boolean): Promise<void> => {
    const found = (await pids()).filter((pid) => which(commandLine(pid)));
    if (found.length > 0) await here.run(['kill', '-9', ...found]);
  };
  for (const key of ['host_key', 'user_key'])
    await must('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', at(key));
  if (server === 'dropbear') {
    // A key of its own kind, and of its owner's those that are in his home.
    await must('dropbearkey', '-t', 'ed25519', '-f', at('dropbear_key'));
    const shown = await must('dropbearkey', '-y', '-f', at('dropbear_key'));
    writeFileSync(at('host_key.pub'), `${/^ssh-ed25519 \S+/m.exec(shown)?.[0]}\n`);
    mkdirSync(at('.ssh'), { mode: 0o700 });
    writeFileSync(at('.ssh/authorized_keys'), readFileSync(at('user_key.pub')), { mode: 0o600 });
    writeFileSync(at('shells'), `${at('ash')}\n`);
  }
  symlinkSync('/bin/busybox', at('ash'));
  writeFileSync(
    at('passwd'),
    `root:x:0:0:root:${folder}:${at('ash')}\nsshd:x:110:65534::/run/sshd:/bin/false\n`,
  );
  writeFileSync(at('known_hosts'), `[${address}]:${PORT} ${readFileSync(at('host_key.pub'), 'utf8')}`);
  writeFileSync(
    at('sshd_config'),
    `Port ${PORT}
ListenAddress ${address}
HostKey ${at('host_key')}
AuthorizedKeysFile ${at('user_key.pub')}
StrictModes no
UsePAM no
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
`,
  );
  const fingerprint = /SHA256:\S+/.exec(await must('ssh-keygen', '-lf', at('host_key.pub')))?.[0] ?? '';
  const own = `mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && mount --bind ${at('passwd')} /etc/passwd`;
  const run =
    server === 'sshd'
      ? `exec /usr/sbin/sshd -D -e -f ${at('sshd_config')}`
      : `mount --bind ${at('shells')} /etc/shells && exec dropbear -F -E -s -r ${at('dropbear_key')} -p [${address}]:${PORT}`;
  return {
    ...world,
    folder,
    fingerprint,
    target: { host: address, user: 'root', port: PORT, key: at('user_key'), knownHosts: at('known_hosts') },
    driver: createExec(['ip', 'netns', 'exec', world.namespace('console')]),
    async listen() {
      const child = world.router.open(['sh', '-c', `${own} && ${run}`], stopper.signal);
      child.stdout.resume();
      listening.push(child);
      await new Promise<void>((resolve, reject) => {
        let said = '';
        child.stderr.setEncoding('utf8').on('data', (text: string) => {
          said += text;
          if (/Server listening|Not backgrounding/.test(said)) resolve();
        });
        void child.exited.then(({ why }) => reject(new Error(`${server}: ${why} ${said}`)));
      });
    },
    cut: () => kill((line) => line.includes(server)),
    processes: async () => {
      const lines = (await pids()).map(commandLine);
      return lines.filter((line) => line !== '' && !line.includes(server));
    },
    async close() {
      stopper.abort();
      await kill(() => true);
      await Promise.all(listening.map((child) => child.exited));
      await world.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Looks again and again; rejects with what was seen last. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T> | T,
  is: (seen: T) => boolean,
  withinMs = 15_000,
): Promise<T> {
  const over = systemClock.monotonic() + withinMs;
  for (;;) {
    const seen = await look();
    if (is(seen)) return seen;
    if (systemClock.monotonic() > over) throw new Error(`not ${what}: ${JSON.stringify(seen)}`);
    await systemClock.sleep(50);
  }
}
