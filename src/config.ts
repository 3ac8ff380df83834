import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { parseDocument } from 'yaml';
import * as z from 'zod';
import { ConfigError, messageOf } from './errors.ts';
import { canonicalPrefix } from './policy/address.ts';

const prefix = z.string().transform((text, context) => {
  const canonical = canonicalPrefix(text);
  if (canonical === undefined)
    context.addIssue({ code: 'custom', message: `"${text}" is not a network (CIDR)` });
  return canonical ?? '';
});
const interfaceName = z.string().regex(/^[^\s/]{1,15}$/, 'not the name of a network interface');
const endpoint = z.string().min(1).max(200);
const seconds = (fallback: number, least: number, most: number) =>
  z.number().min(least).max(most).default(fallback);

/** One schema gives the type, the defaults and the check. Every key has a default. */
const schema = z.strictObject({
  configVersion: z.literal(1).default(1),
  agent: z
    .strictObject({
      name: z
        .string()
        .regex(/^[a-z0-9-]{1,32}$/, 'use a–z, 0–9 and "-", at most 32')
        .default(() => defaultName(hostname())),
      stateDir: z.string().startsWith('/', 'use an absolute path').default('/var/lib/hedgerow'),
    })
    .prefault({}),
  control: z
    .strictObject({
      socket: z
        .string()
        .startsWith('/', 'use an absolute path')
        .max(100)
        .default('/run/hedgerow/hedgerow.sock'),
      group: z.string().min(1).optional(),
    })
    .prefault({}),
  p2p: z
    .strictObject({
      listen: z.array(endpoint).default(['/ip4/0.0.0.0/tcp/4411', '/ip6/::/tcp/4411']),
      announce: z.array(endpoint).default([]),
      bootstrap: z.array(endpoint).max(100).default([]),
      toleranceSeconds: z.number().min(4).max(172_800).optional(),
      answer: z.boolean().default(true),
    })
    .prefault({}),
  lan: z.strictObject({ interfaces: z.array(interfaceName).optional() }).prefault({}),
  wan: z.strictObject({ interfaces: z.array(interfaceName).optional() }).prefault({}),
  home: z
    .strictObject({
      networks: z.array(prefix).default([]),
      timeZone: z
        .string()
        .refine(isTimeZone, 'use the name of a time zone, for example Europe/Amsterdam')
        .default(systemTimeZone),
      bedtime: z
        .string()
        .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'use a time of day, for example "20:00"')
        .default('20:00'),
    })
    .prefault({}),
  clock: z.strictObject({ trusted: z.enum(['auto', 'always', 'never']).default('auto') }).prefault({}),
  observe: z
    .strictObject({
      leases: z.string().startsWith('/', 'use an absolute path').default('/var/lib/misc/dnsmasq.leases'),
      names: z.boolean().default(true),
      resolve: z.boolean().default(true),
      pollSeconds: seconds(4, 1, 60),
      track: z.boolean().default(true),
      sni: z.boolean().default(false),
      queryLog: z.string().startsWith('/', 'use an absolute path').optional(),
      external: z
        .strictObject({
          socket: z.string().startsWith('/', 'use an absolute path').max(100).optional(),
          port: z.number().int().min(1).max(65_535).optional(),
        })
        .prefault({}),
      flowSeconds: seconds(60, 15, 600),
      flowMaxIdleMinutes: seconds(10, 1, 1_440),
      flowMaxIdleLongMinutes: seconds(30, 1, 10_080),
      nodeKeepFlows: z.number().int().min(1).max(100_000).default(25),
      nodeKeepMinutes: seconds(30, 1, 10_080),
      maxFlows: z.number().int().min(1_000).max(1_000_000).default(100_000),
      historyDays: z.number().int().min(0).max(3_650).default(90),
    })
    .prefault({}),
  enforce: z
    .strictObject({
      backend: z.enum(['auto', 'ipset', 'dry-run']).default('auto'),
      maxAddresses: z.number().int().min(1).max(1_000_000).default(200_000),
    })
    .prefault({}),
  limits: z
    .strictObject({
      policies: z.number().int().min(1).max(100_000).default(5_000),
      changesPerHour: z.number().min(1).max(1_000_000).default(30),
      burst: z.number().int().min(1).max(1_000_000).default(300),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info') })
    .prefault({}),
});

export type Config = z.output<typeof schema>;

/** Where the configuration is looked for when nobody says. */
export const DEFAULT_CONFIG_FILE = '/etc/hedgerow/hedgerow.yaml';

/** The configuration file that the environment names (HEDGEROW_CONFIG); undefined when it names none. */
export function configFileFromEnvironment(): string | undefined {
  const file = process.env.HEDGEROW_CONFIG;
  return file === undefined || file === '' ? undefined : file;
}

/** Whether a person asked for text without colours (https://no-color.org). */
export function noColour(): boolean {
  return (process.env.NO_COLOR ?? '') !== '';
}

/** Who typed a command, for the audit: the login name, behind sudo too. */
export function personFromEnvironment(): string {
  return process.env.SUDO_USER ?? process.env.USER ?? process.env.LOGNAME ?? 'root';
}

/** The address from which a person is logged in over SSH, as sshd(8) notes it; undefined at the router itself. */
export function addressFromEnvironment(): string | undefined {
  return process.env.SSH_CONNECTION?.split(' ')[0];
}

/**
 * Reads and checks a configuration. A file that was named must be there; the default one need not be.
 * ConfigError names the file and the key.
 */
export function loadConfig(named: string | undefined): Config {
  const file = named ?? configFileFromEnvironment();
  let text: string;
  try {
    text = readFileSync(file ?? DEFAULT_CONFIG_FILE, 'utf8');
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    if (missing && file === undefined) return parseConfig('', DEFAULT_CONFIG_FILE);
    throw new ConfigError(
      `the configuration ${file ?? DEFAULT_CONFIG_FILE} cannot be read: ${messageOf(cause)}`,
      {
        cause,
        hint: missing
          ? 'name another file with --config, or leave it out for the defaults'
          : 'check its permissions',
      },
    );
  }
  return parseConfig(text, file ?? DEFAULT_CONFIG_FILE);
}

/** Checks the text of a configuration; `file` is for the messages only. */
export function parseConfig(text: string, file: string): Config {
  const document = parseDocument(text, { logLevel: 'error' });
  const [broken] = document.errors;
  if (broken !== undefined) {
    throw new ConfigError(`${file} is not YAML: ${broken.message.split('\n')[0]}`, { cause: broken });
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (cause) {
    throw new ConfigError(`${file} is not YAML that can be read: ${messageOf(cause)}`, { cause });
  }
  if (
    typeof value === 'object' &&
    value !== null &&
    'configVersion' in value &&
    Number(value.configVersion) > 1
  ) {
    throw new ConfigError(
      `${file}: configVersion ${String(value.configVersion)} is newer than this Hedgerow`,
      {
        hint: 'update Hedgerow, or write the file for version 1',
      },
    );
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
  throw new ConfigError(`${file}: ${problems.join('; ')}`, {
    hint: 'configs/hedgerow.example.yaml shows every key with its default',
  });
}

/** The paths of what an agent keeps. */
export function pathsOf(config: Config): {
  key: string;
  home: string;
  store: string;
  slots: string;
  plan: string;
  seen: string;
} {
  const inState = (name: string) => join(config.agent.stateDir, name);
  return {
    key: inState('peer.key'),
    home: inState('home.json'),
    store: inState('store'),
    slots: inState('slots'),
    plan: inState('plan'),
    seen: inState('seen'),
  };
}

/** The folder of the control socket, which the agent makes. */
export function socketFolder(config: Config): string {
  return dirname(config.control.socket);
}

/** Whether this names a zone of the IANA database; an offset such as +01:00 knows no summer. */
function isTimeZone(name: string): boolean {
  if (/^[+-]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== '';
  } catch {
    return false;
  }
}

/**
 * The zone that this machine is set to (TZ, else where /etc/localtime leads to), UTC when that says nothing. Not asked of
 * Intl, which loads 8 MB for it: most homes have no schedule.
 */
function systemTimeZone(): string {
  const named = process.env.TZ?.replace(/^:/, '') || linkedTimeZone();
  return named !== undefined && /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/.test(named) ? named : 'UTC';
}

function linkedTimeZone(): string | undefined {
  try {
    return readlinkSync('/etc/localtime').split('/zoneinfo/')[1];
  } catch {
    return undefined;
  }
}

function defaultName(host: string): string {
  const name =
    host
      .split('.')[0]
      ?.toLowerCase()
      .replaceAll(/[^a-z0-9-]/g, '-')
      .slice(0, 32) ?? '';
  return name === '' ? 'router' : name;
}
