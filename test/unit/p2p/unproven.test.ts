import type { MultiaddrConnection } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { Unproven, whence } from '../../../src/p2p/unproven.ts';

/** The part of a connection that is looked at. */
class Incoming extends EventTarget {
  readonly remoteAddr;
  ended = false;

  constructor(from: string) {
    super();
    this.remoteAddr = multiaddr(from);
  }

  abort(): void {
    this.ended = true;
    this.dispatchEvent(new Event('close'));
  }
}

function make(max: number) {
  let refused = 0;
  const unproven = new Unproven(() => {
    refused += 1;
  }, max);
  const come = (from: string): Incoming => {
    const connection = new Incoming(from);
    unproven.came(connection as unknown as MultiaddrConnection);
    return connection;
  };
  const prove = (connection: Incoming) => unproven.proved(connection as unknown as MultiaddrConnection);
  return { unproven, come, prove, refused: () => refused };
}

const from = (host: number, port: number) => `/ip4/198.51.100.${host}/tcp/${port}`;

describe('connections that have not proved who they are', () => {
  it('are as many as there are places, and the newest always has one', () => {
    const { unproven, come, refused } = make(4);
    const all = Array.from({ length: 10 }, (_, port) => come(from(1, port)));
    expect(unproven.size).toBe(4);
    expect(all.map(({ ended }) => ended)).toEqual([...Array(6).fill(true), ...Array(4).fill(false)]);
    expect(refused()).toBe(6);
  });

  it('are hung up on at the address that has most, whoever is oldest', () => {
    const { come } = make(4);
    const member = come(from(2, 1));
    const crowd = [1, 2, 3, 4, 5, 6].map((port) => come(from(1, port)));
    expect(member.ended).toBe(false);
    expect(crowd.map(({ ended }) => ended)).toEqual([true, true, true, false, false, false]);
  });

  it('are one machine’s where it may choose its address (IPv6)', () => {
    const { come } = make(3);
    const member = come('/ip6/2001:db8:2::1/tcp/1');
    for (const host of ['a', 'b', 'c', 'd', 'e']) come(`/ip6/2001:db8:1::${host}/tcp/1`);
    expect(member.ended).toBe(false);
  });

  it('keep no place once they have proved a key, or have ended', () => {
    const { unproven, come, prove, refused } = make(2);
    const members = [1, 2, 3].map((port) => {
      const connection = come(from(1, port));
      prove(connection);
      return connection;
    });
    come(from(1, 4)).abort();
    expect(unproven.size).toBe(0);
    expect(refused()).toBe(1);
    for (let port = 5; port < 20; port++) come(from(1, port));
    for (const connection of members) connection.abort();
    expect(members.map(({ ended }) => ended)).toEqual([true, true, true]);
    expect(refused(), 'those that had proved a key are not counted').toBe(14);
  });
});

it.each([
  ['/ip4/192.0.2.1/tcp/4411', '192.0.2.1'],
  ['/ip6/2001:db8:1:2:3:4:5:6/tcp/4411', '2001:db8:1:2::/64'],
  ['/ip6/::ffff:192.0.2.1/tcp/4411', '192.0.2.1'],
  ['/memory/attic', '/memory/attic'],
])('%s comes from %s', (address, origin) => expect(whence(address)).toBe(origin));
