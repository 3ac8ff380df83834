/** What the units of configs/systemd ask for, done without systemd: user, capabilities, folders and what is read-only. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { paths } from '../../lab/paths.ts';
import type { Child, Exec, Finished } from '../../src/local/exec.ts';

/** The user exists in copies of the account files only, which are bound over the machine's own in a mount namespace. */
const ID = 61_236;
const SECONDS_20 = 20_000;

/** A unit's settings; what is set several times is a list (systemd.syntax(7)). */
export type Unit = ReadonlyMap<string, readonly string[]>;

export function parseUnit(text: string): Unit {
  const unit = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [, key, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) unit.set(key, [...(unit.get(key) ?? []), value]);
  }
  return unit;
}

export function readUnit(name: string): Unit {
  return parseUnit(readFileSync(join(paths.checkout, 'configs/systemd', `${name}.service`), 'utf8'));
}

/** A command line of a unit: what stands before it (`-` may fail, `+` as root), and its words. */
interface Command {
  readonly mayFail: boolean;
  readonly asRoot: boolean;
  readonly argv: readonly string[];
}

function commandOf(line: string): Command {
  const [, marks = '', rest = ''] = /^([-+@:!]*)(.*)$/.exec(line) ?? [];
  const words = [...rest.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  return { mayFail: marks.includes('-'), asRoot: marks.includes('+'), argv: words };
}

const one = (unit: Unit, key: string): string => unit.get(key)?.at(-1) ?? '';
const caps = (list: string, sign = '+'): string =>
  ['-all', ...list.split(' ').filter(Boolean)]
    .map((name) => name.replace(/^CAP_/, sign).toLowerCase())
    .join(',');

/** A machine in the router's network namespace on which the units run. */
export interface UnitMachine {
  readonly socket: string;
  readonly state: string;
  /** As root, or as somebody else. */
  run(argv: readonly string[], as?: { readonly uid: number; readonly gid: number }): Promise<Finished>;
  /** The command line of Hedgerow. */
  readonly hedgerow: readonly string[];
  /** Number of the unit's user and group. */
  readonly id: number;
  configure(text: string): void;
  /** Runs what comes before, then begins the unit; with other capabilities if they are named. */
  start(unit: Unit, signal: AbortSignal, capabilities?: string): Promise<Child>;
}

/** `folder` is an empty folder of the test. */
export function unitMachine(exec: Exec, folder: string, unit: Unit): UnitMachine {
  const user = one(unit, 'User');
  for (const name of ['run', 'lib', 'cache', 'opt/hedgerow/dist', 'opt/hedgerow/node_modules'])
    mkdirSync(join(folder, name), { recursive: true, mode: 0o755 });
  for (const [file, line] of [
    ['passwd', `${user}:x:${ID}:${ID}::/nonexistent:/bin/false`],
    ['group', `${one(unit, 'Group')}:x:${ID}:`],
  ] as const)
    writeFileSync(join(folder, file), `${readFileSync(`/etc/${file}`, 'utf8').trimEnd()}\n${line}\n`);
  writeFileSync(join(folder, 'opt/node'), '');
  writeFileSync(join(folder, 'run/xtables.lock'), '', { mode: 0o600 });
  const base = `set -eu
    mount --make-rprivate /
    for file in passwd group; do mount --bind ${folder}/$file /etc/$file; done
    mount --bind ${paths.checkout}/dist ${folder}/opt/hedgerow/dist
    mount --bind ${paths.checkout}/node_modules ${folder}/opt/hedgerow/node_modules
    mount --bind ${paths.node} ${folder}/opt/node
    mount --bind ${folder}/run /run
    mount --bind ${folder}/lib /var/lib
    mount --bind ${folder}/cache /var/cache
    mount --rbind ${folder}/opt /opt
    cd /
`;
  const as = (uid: number, gid: number, more: readonly string[] = []) => [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    ...more,
  ];
  const ENV = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HEDGEROW_CONFIG=/opt/hedgerow.yaml'];
  const inside = (script: string, argv: readonly string[]) => [
    'sh',
    '-c',
    `${script}exec "$@"`,
    'unit',
    ...argv,
  ];
  const node = (argv: readonly string[]) =>
    argv.map((word) => (word === '/usr/bin/node' ? '/opt/node' : word));
  const run: UnitMachine['run'] = (argv, who) => {
    const line = [...ENV, ...argv];
    return exec.run(
      inside(base, who === undefined ? line : [...as(who.uid, who.gid, ['--inh-caps=-all']), ...line]),
      {
        timeoutMs: SECONDS_20,
      },
    );
  };
  return {
    socket: join(folder, 'run/hedgerow/hedgerow.sock'),
    state: join(folder, 'lib/hedgerow'),
    id: ID,
    hedgerow: ['/opt/node', '/opt/hedgerow/dist/hedgerow.js'],
    run,
    configure: (text) => writeFileSync(join(folder, 'opt/hedgerow.yaml'), text),
    async start(which, signal, capabilities) {
      const folders = foldersOf(which);
      const made = folders.map(
        ({ path, mode }) => `mkdir -p ${path} && chown ${user}: ${path} && chmod ${mode} ${path}`,
      );
      for (const { mayFail, asRoot, argv } of [
        ...made.map((script) => ({ mayFail: false, asRoot: true, argv: ['sh', '-c', script] })),
        ...(which.get('ExecStartPre') ?? []).map(commandOf),
      ]) {
        const { code, stderr } = await run(argv, asRoot ? undefined : { uid: ID, gid: ID });
        if (code !== 0 && !mayFail) throw new Error(`${argv.join(' ')}: ${stderr}`);
      }
      const rights = as(ID, ID, [
        `--inh-caps=${caps(capabilities ?? one(which, 'AmbientCapabilities'))}`,
        `--ambient-caps=${caps(capabilities ?? one(which, 'AmbientCapabilities'))}`,
        `--bounding-set=${caps(capabilities ?? one(which, 'CapabilityBoundingSet'))}`,
        ...(one(which, 'NoNewPrivileges') === 'yes' ? ['--no-new-privs'] : []),
      ]);
      const argv = node(commandOf(one(which, 'ExecStart')).argv);
      const environment = which.get('Environment') ?? [];
      const line = [
        ...rights,
        ...ENV,
        ...environment,
        'sh',
        '-c',
        `umask ${one(which, 'UMask')}; exec "$@"`,
        'unit',
      ];
      return exec.open(inside(`${base}${readOnly(which, folders)}`, [...line, ...argv]), signal);
    },
  };
}

function foldersOf(unit: Unit): { readonly path: string; readonly mode: string }[] {
  const roots = { StateDirectory: '/var/lib', CacheDirectory: '/var/cache', RuntimeDirectory: '/run' };
  return Object.entries(roots).flatMap(([key, root]) => {
    const name = one(unit, key);
    return name === '' ? [] : [{ path: `${root}/${name}`, mode: one(unit, `${key}Mode`) || '0755' }];
  });
}

/** ProtectSystem, PrivateTmp, ProtectKernelTunables and ReadWritePaths of systemd.exec(5), as far as a shell can. */
function readOnly(unit: Unit, folders: readonly { readonly path: string }[]): string {
  const strict = one(unit, 'ProtectSystem') === 'strict';
  const tunables = one(unit, 'ProtectKernelTunables') === 'yes';
  const closed = [
    ...(strict ? ['/run', '/var/lib', '/var/cache', '/opt', '/'] : []),
    ...(tunables ? ['/proc/sys'] : []),
  ];
  const open = (unit.get('ReadWritePaths') ?? []).flatMap((value) => value.split(' '));
  const lines = [
    'mount --bind /proc/sys /proc/sys',
    ...[...folders.map(({ path }) => path), ...open.map((path) => path.replace(/^-/, ''))].map(
      (path) => `[ ! -e ${path} ] || mount --bind ${path} ${path}`,
    ),
    ...(one(unit, 'PrivateTmp') === 'yes' ? ['mount -t tmpfs -o mode=1777 tmp /tmp'] : []),
    ...closed.map((path) => `mount -o remount,ro,bind ${path}`),
  ];
  return `${lines.join('\n')}\n`;
}
