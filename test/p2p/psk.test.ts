import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { privateNetwork } from '../../src/p2p/psk/private-network.ts';

interface Cipher {
  update(input: Uint8Array): Uint8Array;
}

it('streams of a private network share no memory that grows until the agent ends', () => {
  expect(privateNetwork(new Uint8Array(32))).toBeTypeOf('function');
  // The very module that libp2p's private networks encrypt with.
  const require = createRequire(createRequire(import.meta.url).resolve('@libp2p/pnet'));
  const xsalsa20 = require('xsalsa20') as (nonce: Uint8Array, key: Uint8Array) => Cipher;
  const open = (): Cipher => xsalsa20(new Uint8Array(24).fill(1), new Uint8Array(32).fill(2));
  const streams = Array.from({ length: 12_000 }, open);
  const [one, two] = [streams[0] ?? open(), streams[1] ?? open()];
  one.update(new Uint8Array(1_000_000));
  for (let n = 0; n < 2_000; n++) expect(streams[n % 12_000]?.update(new Uint8Array(10))).toHaveLength(10);
  expect(two.update(new Uint8Array(10))).toHaveLength(10);
  expect(Reflect.get(globalThis, 'WebAssembly')).toBeDefined();
});
