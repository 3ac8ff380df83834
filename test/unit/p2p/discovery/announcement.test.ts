import { describe, expect, it } from 'vitest';
import {
  homeTag,
  MAX_ADDRESSES,
  MAX_SEALED,
  open,
  seal,
} from '../../../../src/p2p/discovery/announcement.ts';

const tag = homeTag(Buffer.alloc(32, 1));
const other = homeTag(Buffer.alloc(32, 2));
const peer = 'ab'.repeat(32);
const addresses = ['/ip4/192.168.1.1/tcp/4411', '/ip6/fd77::1/tcp/4411'];

describe('an announcement', () => {
  it('is opened by who has the key of the home, and by nobody else', () => {
    const sealed = seal({ peer, addresses }, tag);
    expect(open(sealed, tag)).toEqual({ ok: true, value: { peer, addresses } });
    expect(open(sealed, other)).toEqual({ ok: false, why: 'forged' });
  });

  it('shows nothing of the peer, its addresses or the home, and never looks the same', () => {
    const [one, two] = [seal({ peer, addresses }, tag), seal({ peer, addresses }, tag)];
    expect(Buffer.from(one).includes(Buffer.from(peer, 'hex'))).toBe(false);
    expect(Buffer.from(one).includes('192.168')).toBe(false);
    expect(Buffer.from(one).equals(two)).toBe(false);
  });

  it('is asked for under a name that follows from the key alone', () => {
    expect(tag.service).toMatch(/^_h[0-9a-f]{16}\._tcp\.local$/);
    expect(homeTag(Buffer.alloc(32, 1))).toEqual(tag);
    expect(other.service).not.toBe(tag.service);
  });

  it('with one byte changed is forged', () => {
    const sealed = Buffer.from(seal({ peer, addresses }, tag));
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(open(changed, tag).ok).toBe(false);
    }
  });

  it('is short, with all the addresses that it may have', () => {
    const long = Array.from(
      { length: 20 },
      (_, i) => `/ip6/fd77:1234:5678:9abc:def0:1234:5678:${i + 1000}/tcp/44110`,
    );
    const sealed = seal({ peer, addresses: long }, tag);
    expect(sealed.length).toBeLessThanOrEqual(MAX_SEALED);
    expect(open(sealed, tag)).toEqual({ ok: true, value: { peer, addresses: long.slice(0, MAX_ADDRESSES) } });
  });

  it.each([
    '/ip4/127.0.0.1/tcp/4411',
    '/ip4/224.0.0.251/tcp/4411',
    '/ip4/0.0.0.0/tcp/4411',
    '/ip6/fe80::1/tcp/4411',
    '/ip4/192.168.1.1/tcp/0',
    '/ip4/192.168.1.1/udp/4411',
    '/dns4/example.org/tcp/4411',
    '/memory/x',
    '192.168.1.1:4411',
    '/ip4/192.168.1.1/tcp/4411/p2p/12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5',
    '',
  ])('leads nobody to %s, not even from who has the key', (address) => {
    expect(open(seal({ peer, addresses: [address] }, tag), tag)).toEqual({
      ok: false,
      why: 'not an address',
    });
  });
});
