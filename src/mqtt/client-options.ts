import { readFile } from 'node:fs/promises';
import type { IClientOptions } from 'mqtt';
import { ConfigError } from '../errors.ts';

/** The broker counts a silent client as gone after one and a half of this: 6 s, the tolerance of the overlay. */
const KEEPALIVE_S = 4;
const CONNECT_MS = 10_000;
const READ_MS = 5_000;

/** Who we are to a broker. */
export interface BrokerAccount {
  /** Two of the same name throw each other out. */
  readonly clientId: string;
  readonly user?: string | undefined;
  /** Paths, read at every attempt. Of the password the first line counts. */
  readonly passwordFile?: string | undefined;
  readonly ca?: string | undefined;
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined;
  /** What is retained when we are gone, however we go. */
  readonly will: { readonly topic: string; readonly payload: string };
}

/** What mqtt.js is to do for one connection, and for one only. ConfigError when a file cannot be read. */
export async function clientOptions(account: BrokerAccount, version: 4 | 5): Promise<IClientOptions> {
  const { clientId, user, passwordFile, ca, certificate, will } = account;
  return {
    clientId,
    protocolVersion: version,
    clean: true,
    keepalive: KEEPALIVE_S,
    // A ping every time, whatever else is sent: only its answer tells that the broker is still there.
    reschedulePings: false,
    connectTimeout: CONNECT_MS,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    // Or the first packet makes a table of all 65,536 numbers: 18 MB.
    writeCache: false,
    will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: true },
    ...(user === undefined ? {} : { username: user }),
    ...(passwordFile === undefined ? {} : { password: firstLine(await read(passwordFile)) }),
    ...(ca === undefined ? {} : { ca: await read(ca) }),
    ...(certificate === undefined
      ? {}
      : { cert: await read(certificate.cert), key: await read(certificate.key) }),
  };
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path, { signal: AbortSignal.timeout(READ_MS) });
  } catch (cause) {
    throw new ConfigError(`${path} cannot be read`, { cause });
  }
}

function firstLine(file: Buffer): string {
  return file.toString().split(/\r?\n/)[0] ?? '';
}
