import type { About } from '../../../src/p2p/alive/about-wire.ts';
import type { AliveFrame } from '../../../src/p2p/alive/alive-wire.ts';

/** Key and length of a field of 32 bytes, and its content. */
const HASH_BYTES = 34;
/** Key of two bytes and 1, of the fields from 16. */
const FLAG_BYTES = 3;

/**
 * The bytes that the real encoder makes of a keep-alive (a test holds both against each other): a thousand agents say eight thousand
 * a second, and writing and reading them would be most of the work.
 */
export function aliveBytes(frame: AliveFrame): number {
  const { counter, echo, heldUs, toleranceMs, clock, trusted, shortestMs, changes, version } = frame;
  const numbers = [version, counter, echo, heldUs, toleranceMs, clock, trusted ? 1 : 0, shortestMs, changes];
  const digests = [frame.digest, frame.registersDigest, frame.applied.digest];
  return (
    numbers.reduce((sum, value) => sum + numberBytes(value), 0) +
    digests.reduce((sum, hex) => sum + 2 + hex.length / 2, 0) +
    [frame.again, frame.remembers].filter((flag) => flag === true).length * FLAG_BYTES +
    (frame.applied.recent.length + frame.asks.length) * HASH_BYTES +
    frame.about.reduce((sum, about) => sum + aboutBytes(about), 0)
  );
}

function aboutBytes({ ageMs, digest, applied, recent }: About): number {
  const hashes = 1 + (digest === undefined ? 0 : 1) + (applied === undefined ? 0 : 1) + recent.length;
  const content = hashes * HASH_BYTES + (ageMs === undefined ? 0 : numberBytes(Math.floor(ageMs) + 1));
  return 1 + varintBytes(content) + content;
}

/** Fields of value 0 are not there. */
function numberBytes(value: number): number {
  return value === 0 ? 0 : 1 + varintBytes(value);
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let left = value; left >= 128; left = Math.floor(left / 128)) bytes += 1;
  return bytes;
}
