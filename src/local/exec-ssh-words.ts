/** The router over there, and how to log in to it. */
export interface SshTarget {
  readonly host: string;
  readonly user: string;
  readonly port: number;
  /** The private key's file; without one, ssh's own default identities. */
  readonly key?: string | undefined;
  /** Where the router's host key is looked for. */
  readonly knownHosts: string;
}

/** Found in the environment of whatever the agent has started over there: `owner:connection:number:`. */
const MARK = 'HEDGEROW_EXEC';
/** Over ssh an ordinary PATH may lack the folders of a router's tools. */
const PATH = 'PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin';
const MISSING = /^hedgerow: (.*) is not installed\n?$/;
const NOT_FOUND = 127;

/** The connection is found dead after so many seconds without an answer, times {@link ALIVE_COUNT}. */
const ALIVE_SECONDS = 5;
const ALIVE_COUNT = 3;
const CONNECT_SECONDS = 10;

/** `root@192.168.1.1`, with the port where it is not ssh's own. */
export function targetName({ host, user, port }: SshTarget): string {
  return `${user}@${host}${port === 22 ? '' : `:${port}`}`;
}

/** As one word of a POSIX shell (XCU 2.2.2): nothing within single quotes means anything but the quote itself. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** What marks everything of an owner, of one connection of his, or one command of it. */
export function markOf(owner: string, ...rest: readonly (string | number)[]): string {
  return `${[owner, ...rest].join(':')}:`;
}

/**
 * The text that the shell over there is given (ssh(1) knows no arguments). The mark is the first variable of the
 * environment, where BusyBox' grep finds it: it reads a line up to the first NUL. The command takes the shell's place.
 */
export function remoteCommand(argv: readonly string[], mark: string): string {
  const [file = ''] = argv;
  return [
    PATH,
    `command -v ${quoted(file)} >/dev/null || { echo ${quoted(`hedgerow: ${file} is not installed`)} >&2; exit ${NOT_FOUND}; }`,
    `exec env -i ${MARK}=${mark} PATH="$PATH" ${argv.map(quoted).join(' ')}`,
  ].join('; ');
}

/** The command that was missing over there; undefined when that is not what this answer says. */
export function missingCommand(code: number, stderr: string): string | undefined {
  return code === NOT_FOUND ? MISSING.exec(stderr)?.[1] : undefined;
}

/** What the keeper says when it is there. Whatever a shell's own files print comes before it. */
export function greeting(connection: string): string {
  return `hedgerow ${connection} is here\n`;
}

/**
 * What the keeper says before where the server is Dropbear: 2022.82 to 2024.85 (OpenWrt 22.03.2 and later, Debian 12) close a session
 * without its output and exit status when another one ends in the same moment, though its command is run (CHANGES of 2024.86).
 */
export const ONE_AT_A_TIME = 'hedgerow: one at a time\n';

/**
 * A script that stays there as long as the connection, so that nothing else stays behind: it ends what earlier connections of
 * this owner have left, then each command whose number it reads, and at the end of its input, which is the end of the
 * connection or of the agent, all that are left; once more a second later, for what was just about to begin. It finds them by
 * their mark: no process id can be another's by then.
 */
export function keeperScript(owner: string, connection: string): string {
  const all = quoted(markOf(owner, connection));
  return `reap() {
  for found in $(grep -ls "^${MARK}=$1" /proc/[0-9]*/environ); do
    pid=\${found#/proc/}; pid=\${pid%/environ}
    [ "$pid" = $$ ] || kill -9 "$pid" 2>/dev/null
  done
}
reap ${quoted(markOf(owner))}
grep -qs '^dropbear' /proc/$PPID/comm && printf %s ${quoted(ONE_AT_A_TIME)}
printf %s ${quoted(greeting(connection))}
while read -r number; do reap ${all}"$number:"; done
reap ${all}; sleep 1; reap ${all}`;
}

/**
 * Arguments of the connection that all commands share; `command` is what it runs itself. It stays in the foreground
 * (no ControlPersist): a child of ours that ends is a connection that is lost. No configuration of ssh is read.
 */
export function masterArguments(target: SshTarget, socket: string, command: string): string[] {
  const options = [
    'ControlMaster=yes',
    `ServerAliveInterval=${ALIVE_SECONDS}`,
    `ServerAliveCountMax=${ALIVE_COUNT}`,
    'TCPKeepAlive=yes',
  ];
  return ssh(target, socket, options, command);
}

/** Arguments of one command over that connection. */
export function commandArguments(target: SshTarget, socket: string, command: string): string[] {
  return ssh(target, socket, ['ControlMaster=no'], command);
}

function ssh(target: SshTarget, socket: string, more: readonly string[], command: string): string[] {
  const { host, user, port, key, knownHosts } = target;
  const options = [
    ...more,
    `ControlPath=${socket}`,
    'ControlPersist=no',
    'BatchMode=yes',
    `ConnectTimeout=${CONNECT_SECONDS}`,
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile=${knownHosts}`,
    'GlobalKnownHostsFile=/dev/null',
    'UpdateHostKeys=no',
    'ClearAllForwardings=yes',
    'ForwardAgent=no',
    'LogLevel=ERROR',
    ...(key === undefined ? [] : ['IdentitiesOnly=yes', `IdentityFile=${key}`]),
  ];
  const login = ['-p', `${port}`, '-l', user, '--', host];
  return ['ssh', '-F', 'none', '-T', ...options.flatMap((option) => ['-o', option]), ...login, command];
}

/** Why ssh could not connect, by what it said (sshconnect.c). */
export interface Refusal {
  readonly kind: 'unknown host key' | 'changed host key' | 'denied' | 'other';
  /** The host key's fingerprint, when ssh said it. */
  readonly fingerprint: string | undefined;
  /** Its last line. */
  readonly said: string;
}

/** Reads ssh's complaint; any text is an answer. */
export function refusalOf(stderr: string): Refusal {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const kind = /REMOTE HOST IDENTIFICATION HAS CHANGED|host key .*revoked/i.test(stderr)
    ? 'changed host key'
    : /host key is known for|Host key verification failed/.test(stderr)
      ? 'unknown host key'
      : /Permission denied/.test(stderr)
        ? 'denied'
        : 'other';
  const fingerprint = /SHA256:[A-Za-z0-9+/]{43}/.exec(stderr)?.[0];
  return { kind, fingerprint, said: (lines.at(-1) ?? '').trim().slice(0, 300) };
}

/** ssh's own exit code for whatever goes wrong with itself. */
export const SSH_FAILED = 255;
/** What ssh says then; some tools (iproute2) end with this code, too. */
const OWN_WORDS =
  /^(mux_client_|Control socket|ControlSocket|ssh: |kex_|client_loop|Connection |\S+: Permission denied|Host key)/m;

/** Without what ssh says when the connection had no room for a session more, and it makes one for this command alone. */
export function withoutRefusedSession(stderr: string): string {
  return stderr.replaceAll(/^mux_client_request_session: .*\r?\n(\r?\n)?/gm, '');
}

/** Whether an exit code is ssh's, and not that of the command. */
export function isSshFailure(code: number, stderr: string): boolean {
  return code === SSH_FAILED && OWN_WORDS.test(stderr);
}
