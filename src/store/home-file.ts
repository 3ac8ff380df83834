import { statSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import * as z from 'zod';
import { DataError } from '../errors.ts';
import { fromHex, type PeerKey, toHex } from '../policy/crypto.ts';
import { decodeGenesis, encodeGenesis, type Genesis } from '../policy/genesis.ts';
import { readFileIfThere, replaceFile } from './files.ts';

/** What a router must know to take part in a home, besides its own key. Holds a secret: mode 0600. */
export interface HomeFile {
  readonly genesis: Genesis;
  /** The pre-shared key of the overlay, 32 bytes in hex. */
  readonly psk: string;
  /** Members to trust for a connection until the replica knows ourselves as one. */
  readonly sponsors: readonly PeerKey[];
  /** Where members were to be found when this router joined, as multiaddrs. */
  readonly bootstrap: readonly string[];
  /** The seed of the recovery key, until a person has it on paper (`home create`); then it is taken out. */
  readonly recoverySeed?: string | undefined;
}

const HEX64 = z.string().regex(/^[0-9a-f]{64}$/);

const schema = z.object({
  homeVersion: z.literal(1),
  genesis: z.string().regex(/^[0-9a-f]+$/),
  psk: HEX64,
  sponsors: z.array(HEX64).max(100),
  bootstrap: z.array(z.string().max(200)).max(100),
  recoverySeed: HEX64.optional(),
  /** {@link sumOf} the rest; older files do not have it. */
  sum: z.string().optional(),
});

/** Undefined when there is none. DataError when it is damaged or newer; it is never overwritten then. */
export function readHomeFile(path: string): HomeFile | undefined {
  const bytes = readFileIfThere(path);
  if (bytes !== undefined && (statSync(path).mode & 0o077) !== 0) {
    throw new DataError(`${path} can be read by others, and holds a secret of the home`, {
      hint: `chmod 600 ${path}`,
    });
  }
  return bytes === undefined ? undefined : parse(bytes.toString('utf8'), path);
}

export function writeHomeFile(path: string, home: HomeFile): void {
  const { genesis, ...rest } = home;
  const content = { homeVersion: 1, genesis: toHex(encodeGenesis(genesis)), ...rest };
  const whole = { ...content, sum: sumOf(home) };
  replaceFile(path, `${JSON.stringify(whole, undefined, 2)}\n`);
}

/** What `home add` prints for the router that joins: everything of the home file but the recovery key. */
export function encodeBundle(home: HomeFile): string {
  const content = {
    homeVersion: 1,
    genesis: toHex(encodeGenesis(home.genesis)),
    psk: home.psk,
    sponsors: home.sponsors,
    bootstrap: home.bootstrap,
  };
  return `hedgerow1.${Buffer.from(JSON.stringify(content)).toString('base64url')}`;
}

/** Reads what a person pasted. DataError with a hint when it is not whole. */
export function decodeBundle(text: string): HomeFile {
  const [head, body, more] = text.trim().split('.');
  if (head !== 'hedgerow1' || body === undefined || more !== undefined) {
    throw new DataError('this is not what `hedgerow home add` prints', {
      hint: 'copy the whole line that begins with hedgerow1.',
    });
  }
  return parse(Buffer.from(body, 'base64url').toString('utf8'), 'the text that was pasted');
}

function parse(text: string, where: string): HomeFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw damaged(where, cause);
  }
  if (typeof json === 'object' && json !== null && 'homeVersion' in json && Number(json.homeVersion) > 1) {
    throw new DataError(`${where} was written by a newer Hedgerow`, {
      hint: 'update Hedgerow on this router',
    });
  }
  const parsed = schema.safeParse(json);
  const genesis = parsed.success
    ? decodeGenesis(fromHex(parsed.data.genesis) ?? new Uint8Array(0))
    : undefined;
  if (!parsed.success || genesis === undefined) throw damaged(where, parsed.error);
  const { psk, sponsors, bootstrap, recoverySeed, sum } = parsed.data;
  const home = { genesis, psk, sponsors, bootstrap, ...(recoverySeed === undefined ? {} : { recoverySeed }) };
  if ((sum ?? sumOf(home)) !== sumOf(home)) throw damaged(where, undefined);
  return home;
}

/** A CRC-32 over what the file says, 8 hex digits: with one flipped digit of a key it would be another home, or alone. */
function sumOf({ genesis, psk, sponsors, bootstrap, recoverySeed }: HomeFile): string {
  const text = JSON.stringify([toHex(encodeGenesis(genesis)), psk, sponsors, bootstrap, recoverySeed ?? '']);
  return crc32(text).toString(16).padStart(8, '0');
}

function damaged(where: string, cause: unknown): DataError {
  return new DataError(`${where} is damaged`, {
    cause,
    hint: 'restore it from a copy, or move it away and join the home again from another router (`hedgerow home add`)',
  });
}
