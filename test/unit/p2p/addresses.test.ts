import { describe, expect, it } from 'vitest';
import { isOutside, parseAddress } from '../../../src/p2p/addresses.ts';
import { peerIdOf } from '../../../src/p2p/identity.ts';
import { keyFromSeed } from '../../../src/p2p/keys.ts';

const { peer } = keyFromSeed(new Uint8Array(32).fill(7));
const id = peerIdOf(peer)?.toString() ?? '';

describe('parseAddress', () => {
  it.each([
    ['192.0.2.1:4710', '/ip4/192.0.2.1/tcp/4710', undefined],
    ['[2001:db8::1]:4710', '/ip6/2001:db8::1/tcp/4710', undefined],
    ['0.0.0.0:0', '/ip4/0.0.0.0/tcp/0', undefined],
    ['attic.lan:4710', '/dns/attic.lan/tcp/4710', undefined],
    ['/ip4/192.0.2.1/tcp/1', '/ip4/192.0.2.1/tcp/1', undefined],
    [`/ip4/192.0.2.1/tcp/1/p2p/${id}`, '/ip4/192.0.2.1/tcp/1', peer],
    ['/memory/attic', '/memory/attic', undefined],
  ])('reads %s', (text, address, who) => {
    expect(parseAddress(text)).toEqual({ text: address, peer: who });
  });

  it.each([
    '',
    'attic',
    '192.0.2.1',
    '192.0.2.1:',
    '192.0.2.1:65536',
    '192.0.2.300:1',
    '2001:db8::1:4710',
    '[192.0.2.1]:4710',
    'a b:1',
    '-x:1',
    '/ip4/192.0.2.1/udp/1',
    '/ip4/192.0.2.1/tcp/1/ws',
    '/ip4/192.0.2.1/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    '/ip4/nonsense',
    'x'.repeat(1_000),
  ])('refuses %j', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe('isOutside', () => {
  it.each([
    ['10.1.2.3:1', false],
    ['192.168.1.1:1', false],
    ['127.0.0.1:1', false],
    ['[fd00::1]:1', false],
    ['[fe80::1]:1', false],
    ['100.64.0.1:1', false],
    ['/memory/attic', false],
    ['9.9.9.9:1', true],
    ['[2620:fe::fe]:1', true],
    ['vpn.example:1', true],
  ])('%s: %s', (text, outside) => {
    const address = parseAddress(text);
    expect(address === undefined ? undefined : isOutside(address)).toBe(outside);
  });
});
