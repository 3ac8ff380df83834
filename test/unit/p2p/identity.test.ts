import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { libp2pKeyOf, loadPeerKey, parsePeerId, peerIdOf, peerKeyOf } from '../../../src/p2p/identity.ts';
import { keyFromSeed } from '../../../src/p2p/keys.ts';
import { toHex } from '../../../src/policy/crypto.ts';

describe('the peer key file', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'hedgerow-key-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));
  const path = () => join(dir, 'state', 'peer.key');
  const load = () => loadPeerKey(join(dir, 'state'));

  it('is made at the first start, private, and found at the next', () => {
    const key = load();
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(dir, 'state'))).toEqual(['peer.key']);
    expect(load().peer).toBe(key.peer);
  });

  it('is made whole again when the first start died half-way', () => {
    const key = load();
    rmSync(path());
    writeFileSync(`${path()}.new`, 'half', { mode: 0o600 });
    expect(load().peer).not.toBe(key.peer);
    expect(readdirSync(join(dir, 'state'))).toEqual(['peer.key']);
  });

  it('is refused when others can read it, with what to do', () => {
    load();
    chmodSync(path(), 0o644);
    expect(load).toThrow(expect.objectContaining({ name: 'DataError', hint: `chmod 600 ${path()}` }));
  });

  it.each(['', 'rubbish', 'hedgerow-peer-key/1 1234\n', 'x'.repeat(10_000)])(
    'is refused and not overwritten when it is %j',
    (text) => {
      load();
      writeFileSync(path(), text);
      expect(load).toThrow(expect.objectContaining({ name: 'DataError' }));
      expect(readFileSync(path(), 'utf8')).toBe(text);
    },
  );
});

describe('peer ids', () => {
  it('convert both ways', () => {
    const key = keyFromSeed(new Uint8Array(32).fill(3));
    const id = peerIdOf(key.peer);
    expect(id?.toString()).toMatch(/^12D3KooW/);
    expect(id === undefined ? undefined : peerKeyOf(id)).toBe(key.peer);
    expect(parsePeerId(id?.toString() ?? '')).toBe(key.peer);
    expect(toHex(libp2pKeyOf(key).publicKey.raw)).toBe(key.peer);
  });

  it("libp2p's key signs what libp2p verifies, and not after it was told to stop", async () => {
    const key = libp2pKeyOf(keyFromSeed(new Uint8Array(32).fill(3)));
    const message = new Uint8Array([1, 2, 3]);
    const signature = await key.sign(message);
    expect(await key.publicKey.verify(message, signature)).toBe(true);
    expect(await key.publicKey.verify(new Uint8Array([1, 2, 4]), signature)).toBe(false);
    expect(() => key.sign(message, { signal: AbortSignal.abort() })).toThrow();
  });

  it.each(['', 'x', '12D3KooW', 'Q'.repeat(1_000), '0'.repeat(64)])('%j is none', (text) => {
    expect(parsePeerId(text)).toBeUndefined();
  });

  it('need a key of 32 bytes', () => {
    expect(peerIdOf('00')).toBeUndefined();
    expect(peerIdOf('x'.repeat(64))).toBeUndefined();
  });
});
