import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import * as z from 'zod';
import { DEFAULT_SOCKET } from './config.ts';
import { canonicalPrefix } from './policy/address.ts';

const prefix = z.string().transform((text, context) => {
  const canonical = canonicalPrefix(text);
  if (canonical === undefined)
    context.addIssue({ code: 'custom', message: `"${text}" is not a network (CIDR)` });
  return canonical ?? '';
});
const interfaceName = z.string().regex(/^[^\s/]{1,15}$/, 'not the name of a network interface');
const absolute = z.string().startsWith('/', 'use an absolute path');
/** A path as ssh takes it: what means something in its options is left out. */
const sshPath = z.string().regex(/^\/[\w./@+,:=-]*$/, 'use an absolute path of letters, digits and ._-@+,:=');
/** The two files of a TLS certificate, PEM. */
const certificate = z.strictObject({ cert: absolute, key: absolute });
const hostPort = z
  .string()
  .regex(
    /^(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):\d{1,5}$/,
    'use address:port, for example 127.0.0.1:1883 or [::1]:1883',
  )
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'not a port');
const endpoint = z.string().min(1).max(200);
const seconds = (fallback: number, least: number, most: number) =>
  z.number().min(least).max(most).default(fallback);

/** One schema gives the type, the defaults and the check. Every key has a default. */
export const configSchema = z.strictObject({
  configVersion: z.literal(1).default(1),
  agent: z
    .strictObject({
      name: z
        .string()
        .regex(/^[a-z0-9-]{1,32}$/, 'use a–z, 0–9 and "-", at most 32')
        .default(() => defaultName(hostname())),
      stateDir: absolute.default('/var/lib/hedgerow'),
    })
    .prefault({}),
  control: z
    .strictObject({
      socket: absolute.max(100).default(DEFAULT_SOCKET),
      group: z.string().min(1).optional(),
    })
    .prefault({}),
  p2p: z
    .strictObject({
      listen: z.array(endpoint).default(['/ip4/0.0.0.0/tcp/4411', '/ip6/::/tcp/4411']),
      announce: z.array(endpoint).default([]),
      bootstrap: z.array(endpoint).max(100).default([]),
      toleranceSeconds: z.number().min(4).max(172_800).optional(),
      keepDownMinutes: seconds(10, 0, 10_080),
      absentDays: seconds(90, 1, 3_650),
      answer: z.boolean().default(true),
      mdns: z.boolean().default(true),
      links: z
        .strictObject({
          fullMesh: z.number().int().min(2).max(64).default(12),
          target: z.number().int().min(3).max(64).default(8),
          maxIdleMinutes: z.number().min(1).max(10_080).optional(),
          maxAgeHours: z.number().min(1).max(8_760).optional(),
        })
        .prefault({}),
      portMapping: z
        .strictObject({
          enabled: z.boolean().default(false),
          leaseMinutes: seconds(60, 2, 1_440),
        })
        .prefault({}),
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
  exec: z
    .strictObject({
      ssh: z
        .strictObject({
          host: z.string().regex(/^[A-Za-z0-9:][A-Za-z0-9:._-]{0,252}$/, 'use an address or a host name'),
          user: z
            .string()
            .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/, 'not the name of a user')
            .optional(),
          port: z.number().int().min(1).max(65_535).optional(),
          key: sshPath.optional(),
          knownHosts: sshPath.optional(),
        })
        .optional(),
    })
    .prefault({}),
  observe: z
    .strictObject({
      leases: absolute.default('/var/lib/misc/dnsmasq.leases'),
      names: z.boolean().default(true),
      resolve: z.boolean().default(true),
      pollSeconds: seconds(4, 1, 60),
      track: z.boolean().default(true),
      sni: z.boolean().default(false),
      queryLog: absolute.optional(),
      external: z
        .strictObject({
          socket: absolute.max(100).optional(),
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
      backend: z.enum(['auto', 'ipset', 'nftables', 'dry-run']).default('auto'),
      maxAddresses: z.number().int().min(1).max(1_000_000).default(200_000),
      ownTraffic: z.boolean().default(false),
    })
    .prefault({}),
  limits: z
    .strictObject({
      policies: z.number().int().min(1).max(100_000).default(5_000),
      changesPerHour: z.number().min(1).max(1_000_000).default(30),
      burst: z.number().int().min(1).max(1_000_000).default(300),
    })
    .prefault({}),
  mqtt: z
    .strictObject({
      broker: z.enum(['embedded', 'external', 'off']).default('embedded'),
      listen: z.array(hostPort).max(8).default(['127.0.0.1:1883']),
      webSocket: z.array(hostPort).max(8).default(['127.0.0.1:1884']),
      tls: certificate.optional(),
      anonymous: z
        .strictObject({
          loopback: z.enum(['none', 'read', 'write']).default('read'),
          network: z.enum(['none', 'read', 'write']).default('none'),
        })
        .prefault({}),
      external: z
        .strictObject({
          url: z
            .string()
            .regex(/^mqtts?:\/\/[^\s/]+$/, 'use mqtt://host:port or mqtts://host:port')
            .default('mqtt://127.0.0.1:1883'),
          user: z.string().min(1).max(200).optional(),
          passwordFile: absolute.optional(),
          ca: absolute.optional(),
          certificate: certificate.optional(),
        })
        .prefault({}),
      homeAssistant: z.boolean().optional(),
      discoveryPrefix: z
        .string()
        .regex(/^[^\s+#/]+(\/[^\s+#/]+)*$/, 'use a topic')
        .default('homeassistant'),
      spin: z.boolean().default(false),
      spinSocket: absolute.max(100).optional(),
    })
    .prefault({}),
  http: z
    .strictObject({
      listen: z.array(hostPort).max(8).default(['127.0.0.1:4480']),
      tls: certificate.optional(),
      mount: absolute.optional(),
      openMetrics: z.boolean().default(false),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info') })
    .prefault({}),
});

export type Config = z.output<typeof configSchema>;

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
