import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface MosquittoOptions {
  /** Who may connect: name → password. Without it everybody may. */
  users?: Readonly<Record<string, string>>;
  /** The text of an acl_file (mosquitto.conf(5)). */
  acl?: string;
  /** With a certificate for 127.0.0.1 and localhost, signed by an authority of its own; `client`: it asks for one as well. */
  tls?: boolean | 'client';
  /** Any free one by default. */
  port?: number;
  /** Further lines of mosquitto.conf. */
  extra?: string;
}

export interface Mosquitto {
  readonly port: number;
  /** `mqtt://127.0.0.1:port`, or `mqtts:`. */
  readonly url: string;
  /** A folder for this broker's files; gone after `stop()`. */
  readonly folder: string;
  /** Paths of the authority and of a client certificate that it signed, with `tls`. */
  readonly files: { readonly ca: string; readonly cert: string; readonly key: string };
  /** What it has logged so far. */
  log(): string;
  /** SIGKILL: nothing is said to anybody. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with an empty store. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. Idempotent. */
  stop(): Promise<void>;
}

/** A real mosquitto 2 on 127.0.0.1, in a temporary folder, without persistence. */
export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const folder = mkdtempSync(join(tmpdir(), 'hedgerow-mosquitto-'));
  const port = options.port ?? (await freePort());
  const file = (name: string) => join(folder, name);
  const conf = [
    `listener ${port} 127.0.0.1`,
    'user root',
    'persistence false',
    'log_dest stderr',
    'log_type all',
    `allow_anonymous ${options.users === undefined}`,
  ];
  if (options.users !== undefined) {
    writeFileSync(file('passwords'), '', { mode: 0o600 });
    for (const [user, password] of Object.entries(options.users))
      execFileSync('mosquitto_passwd', ['-b', file('passwords'), user, password], { stdio: 'ignore' });
    conf.push(`password_file ${file('passwords')}`);
  }
  if (options.acl !== undefined) {
    writeFileSync(file('acl'), options.acl, { mode: 0o600 });
    conf.push(`acl_file ${file('acl')}`);
  }
  if (options.tls !== undefined && options.tls !== false) {
    makeCertificates(folder);
    conf.push(
      `cafile ${file('ca.pem')}`,
      `certfile ${file('server.pem')}`,
      `keyfile ${file('server.key')}`,
      `require_certificate ${options.tls === 'client'}`,
    );
  }
  if (options.extra !== undefined) conf.push(options.extra);
  writeFileSync(file('mosquitto.conf'), `${conf.join('\n')}\n`);

  let child: ChildProcess | undefined;
  let logged = '';
  const start = async () => {
    const started = spawn('mosquitto', ['-c', file('mosquitto.conf')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child = started;
    started.stderr.on('data', (text: Buffer) => {
      logged = (logged + text.toString()).slice(-200_000);
    });
    await answers(port, () => {
      if (started.exitCode !== null) throw new Error(`mosquitto ended: ${logged}`);
    });
  };
  const end = async (signal: NodeJS.Signals) => {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = once(ending, 'exit');
    ending.kill(signal);
    await ended;
  };
  try {
    await start();
  } catch (error) {
    await end('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    port,
    url: `${options.tls ? 'mqtts' : 'mqtt'}://127.0.0.1:${port}`,
    folder,
    files: { ca: file('ca.pem'), cert: file('client.pem'), key: file('client.key') },
    log: () => logged,
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGTERM');
      await start();
    },
    stop: async () => {
      await end('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A TCP port of 127.0.0.1 that nobody uses now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** An authority, and a certificate for the server and one for a client, both signed by it. */
function makeCertificates(folder: string): void {
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...key, '-subj', '/CN=Test authority', '-keyout', 'ca.key', '-out', 'ca.pem');
  for (const [name, san] of [
    ['server', 'IP:127.0.0.1,DNS:localhost'],
    ['client', 'DNS:router'],
  ] as const) {
    openssl(
      ...['req', '-x509', ...key, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-subj', `/CN=${name}`],
      ...['-addext', `subjectAltName=${san}`, '-addext', 'basicConstraints=critical,CA:FALSE'],
      ...['-keyout', `${name}.key`, '-out', `${name}.pem`],
    );
    chmodSync(join(folder, `${name}.key`), 0o600);
  }
}

/** Until something accepts connections there; at most ten seconds. */
async function answers(port: number, check: () => void): Promise<void> {
  for (const until = Date.now() + 10_000; Date.now() < until; ) {
    check();
    const socket = connect(port, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('mosquitto did not start in 10 s');
}
