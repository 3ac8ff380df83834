/**
 * The sandbox of a house: its own network, mount and process namespaces, for an ordinary user inside a user namespace.
 * Its first process is init.sh; when that dies, everything inside is gone, and it dies with the process that made it
 * (unless detached). A running sandbox is found by that process's command line: there is no state file.
 */
import { existsSync } from 'node:fs';
import { access, constants, readdir, readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { LabError, UNAVAILABLE, USAGE } from './error.ts';
import { type Running, start, tell } from './run.ts';
import { until } from './wait.ts';

const MARK = 'hedgerow-lab';

/** A sandbox that runs: the name of its house, and its first process as this process sees it. */
export interface Sandbox {
  readonly name: string;
  readonly pid: number;
  /** The process that holds it, `unshare`. */
  readonly parent: number;
}

/**
 * Starts an empty sandbox.
 * @param detach it outlives this process
 * @throws LabError with code 69 and the command that helps, where the machine does not allow it
 */
export async function startSandbox(name: string, detach: boolean): Promise<Sandbox> {
  if (!/^[a-z0-9-]{1,32}$/.test(name)) {
    throw new LabError(`${name}: a house's name has up to 32 small letters, digits and dashes`, {
      code: USAGE,
    });
  }
  if (await findSandbox(name)) {
    throw new LabError(`the house "${name}" is up already`, {
      hint: 'take it down first, or give this one a --name',
    });
  }
  const ordinary = process.getuid?.() !== 0;
  if (ordinary) await checkMayMap();
  const process_ = start(
    [
      ...(detach ? [] : ['setpriv', '--pdeathsig', 'KILL']),
      'unshare',
      ...(ordinary ? ['--user', '--map-root-user', '--map-auto'] : []),
      ...['--net', '--mount', '--pid', '--fork', '--kill-child'],
      ...['/bin/bash', join(import.meta.dirname, 'init.sh'), MARK, name],
    ],
    { keep: detach },
  );
  await ready(process_);
  const same = (await listSandboxes()).filter((sandbox) => sandbox.name === name);
  const own = same.find(({ parent }) => parent === process_.pid);
  if (!own) throw new LabError(`the house "${name}" ended as soon as it was ready`);
  if (same.some(({ pid }) => pid < own.pid)) {
    await endSandbox(own);
    throw new LabError(`another house "${name}" was raised at the same moment`);
  }
  return own;
}

/** The running sandbox of this name and of this user. */
export async function findSandbox(name: string): Promise<Sandbox | undefined> {
  return (await listSandboxes()).find((sandbox) => sandbox.name === name);
}

/** Every running sandbox of this user. */
export async function listSandboxes(): Promise<Sandbox[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(pids.map((pid) => sandboxOf(Number(pid))));
  return found.filter((sandbox) => sandbox !== undefined);
}

/** Ends everything in the sandbox, at once and without asking. Returns when nothing of it is left. */
export async function endSandbox({ name, pid }: Sandbox): Promise<void> {
  if ((await sandboxOf(pid))?.name !== name) return;
  tell(pid, 'SIGKILL');
  await until(`the processes of the house "${name}" to end`, () => !existsSync(`/proc/${pid}`));
}

/**
 * The command line that runs `argv` in the sandbox, in the namespace of a host if one is named. It is killed when what
 * runs this command line is.
 */
export function enter({ pid }: Sandbox, argv: readonly string[], host?: string, cwd = '/'): string[] {
  const user = process.getuid?.() === 0 ? [] : ['--user'];
  const deadly = ['setpriv', '--pdeathsig', 'KILL'];
  return [
    ...deadly,
    ...['nsenter', `--target=${pid}`, ...user, '--mount', '--net', '--pid', `--wdns=${cwd}`, '--'],
    ...deadly,
    ...(host === undefined ? [] : ['ip', 'netns', 'exec', host]),
    ...argv,
  ];
}

/** The same file as seen from outside; works for unix sockets as well. */
export const fromOutside = ({ pid }: Sandbox, path: string): string => `/proc/${pid}/root${path}`;

/** A process is a sandbox's first when it has the mark, this user's id, and the number 1 inside (NSpid, proc(5)). */
async function sandboxOf(pid: number): Promise<Sandbox | undefined> {
  const [cmdline, status] = await Promise.all([
    readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
    readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''),
  ]);
  const [shell, , mark, name] = cmdline.split('\0');
  const uid = /^Uid:\t(\d+)/m.exec(status)?.[1];
  if (shell !== '/bin/bash' || mark !== MARK || !name) return undefined;
  if (Number(uid) !== process.getuid?.() || !/^NSpid:.*\t1$/m.test(status)) return undefined;
  return { name, pid, parent: Number(/^PPid:\t(\d+)/m.exec(status)?.[1]) };
}

async function ready(process_: Running) {
  let said = '';
  process_.stdout.on('data', (piece: string) => {
    said += piece;
  });
  let ended: string | undefined;
  void process_.done.then(({ stderr }) => {
    ended = stderr.trim();
  });
  try {
    await until('the sandbox', () => said.startsWith('ready') || ended !== undefined);
  } catch (error) {
    await process_.stop('SIGKILL');
    throw error;
  }
  if (ended !== undefined) {
    throw new LabError(`this machine does not allow a house: ${ended}`, {
      code: UNAVAILABLE,
      hint:
        process.getuid?.() === 0
          ? 'root may not make namespaces or mounts here, as in many containers: start the container with --privileged'
          : await whyNotMapped(),
    });
  }
}

/** What an ordinary user needs before the first attempt; each with the command that provides it. */
async function checkMayMap() {
  const { username, uid } = userInfo();
  const lacks = (message: string, hint: string) => new LabError(message, { code: UNAVAILABLE, hint });
  const path = `${process.env.PATH}:/usr/bin:/usr/sbin`.split(':');
  const found = await Promise.all(
    path.map((dir) => access(join(dir, 'newuidmap'), constants.X_OK).then(yes, no)),
  );
  if (!found.includes(true)) {
    throw lacks(
      'newuidmap is missing, which an ordinary user needs for a house',
      'sudo apt-get install -y uidmap',
    );
  }
  for (const file of ['/etc/subuid', '/etc/subgid']) {
    const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
    if (!lines.some((line) => line.startsWith(`${username}:`) || line.startsWith(`${uid}:`))) {
      throw lacks(
        `${username} has no range of user ids in ${file}`,
        `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${username}`,
      );
    }
  }
}

const yes = () => true;
const no = () => false;

/** The switches by which Linux and its distributions forbid user namespaces, and the values that allow them. */
async function whyNotMapped(): Promise<string> {
  const switches = [
    ['kernel.unprivileged_userns_clone', '0', '1'],
    ['kernel.apparmor_restrict_unprivileged_userns', '1', '0'],
    ['user.max_user_namespaces', '0', '15000'],
  ] as const;
  for (const [name, forbids, allows] of switches) {
    const value = await readFile(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').catch(() => '');
    if (value.trim() === forbids) return `sudo sysctl -w ${name}=${allows}`;
  }
  return 'user namespaces with several ids are needed (newuidmap set-uid, a range in /etc/subuid); as root it works without';
}
