/** A password as it is stored: what scrypt (RFC 7914) made of it, and how. */
export interface PasswordHash {
  readonly log2N: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** The line of a file, in the PHC string format: `$scrypt$ln=14,r=8,p=5$<salt>$<hash>`, base64 without padding. */
export function formatHash({ log2N, r, p, salt, hash }: PasswordHash): string {
  return `$scrypt$ln=${log2N},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`;
}

const LINE =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;
const MAX_BYTES = 128 * 2 ** 20;

/** Reads {@link formatHash}. Undefined when it is something else, or asks for more than 128 MiB. */
export function parseHash(line: string): PasswordHash | undefined {
  const match = LINE.exec(line);
  if (match === null) return undefined;
  const [log2N, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const fits = log2N >= 10 && r >= 1 && p >= 1 && p <= 16 && 128 * 2 ** log2N * r <= MAX_BYTES;
  if (!fits) return undefined;
  return {
    log2N,
    r,
    p,
    salt: Buffer.from(match[4] ?? '', 'base64'),
    hash: Buffer.from(match[5] ?? '', 'base64'),
  };
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
