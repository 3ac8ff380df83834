import { describe, expect, it } from 'vitest';
import { PeerDatabase } from '../../../../src/p2p/links/peer-database.ts';
import { sampleSize } from '../../../../src/p2p/links/peer-sample.ts';

const PEER = 'a'.repeat(64);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const database = () => new PeerDatabase({ links: 8, redrawMs: 600_000, random: () => 0.5 });
const order = (it: PeerDatabase, now: number) => it.addresses(PEER, now).map((one) => one.text.split('/')[2]);

describe('PeerDatabase', () => {
  it('puts the LAN first, and before it what answered', () => {
    const it = database();
    it.said(PEER, 'card', ['8.8.8.8:1', '192.168.1.1:1', '192.168.1.2:1'], 0);
    expect(order(it, 0)).toEqual(['192.168.1.1', '192.168.1.2', '8.8.8.8']);
    it.answered(PEER, '/ip4/8.8.8.8/tcp/1', 10);
    expect(order(it, 10)).toEqual(['8.8.8.8', '192.168.1.1', '192.168.1.2']);
    it.answered(PEER, '/ip4/192.168.1.2/tcp/1', 20);
    expect(order(it, 20)).toEqual(['192.168.1.2', '8.8.8.8', '192.168.1.1']);
    it.answered(PEER, '/ip4/192.168.1.1/tcp/1', 30);
    expect(order(it, 30)).toEqual(['192.168.1.1', '192.168.1.2', '8.8.8.8']);
    for (let i = 0; i < 8; i++) it.failed(PEER, '/ip4/192.168.1.1/tcp/1');
    expect(order(it, 40)).toEqual(['192.168.1.2', '8.8.8.8', '192.168.1.1']);
  });

  it('lets a lease run out: to the end of the list, then out, but never the last one and never what a person wrote', () => {
    const it = database();
    it.said(PEER, 'config', ['10.0.0.1:1'], 0);
    it.said(PEER, 'card', ['10.0.0.2:1'], 0);
    it.said(PEER, 'mdns', ['10.0.0.3:1'], 0);
    it.answered(PEER, '/ip4/10.0.0.3/tcp/1', 0);
    it.said(PEER, 'mdns', ['10.0.0.3:1'], 23 * HOUR);
    expect(order(it, 25 * HOUR)).toEqual(['10.0.0.3', '10.0.0.1', '10.0.0.2']);
    it.expire(49 * HOUR);
    expect(order(it, 49 * HOUR)).toEqual(['10.0.0.1', '10.0.0.3']);
    it.expire(10 * DAY);
    expect(order(it, 10 * DAY)).toEqual(['10.0.0.1']);
    const other = database();
    other.said(PEER, 'home', ['10.0.0.9:1', '10.0.0.8:1'], 0);
    other.expire(400 * DAY);
    expect(order(other, 400 * DAY)).toEqual(['10.0.0.9']);
  });

  it('takes no repeated card for a confirmation, but everything that a connected peer says of itself', () => {
    const it = database();
    it.said(PEER, 'card', ['10.0.0.1:1', '10.0.0.2:1'], 0);
    expect(it.said(PEER, 'card', ['10.0.0.1:1', '10.0.0.2:1'], 30 * HOUR)).toBe(false);
    it.expire(49 * HOUR);
    expect(order(it, 49 * HOUR)).toHaveLength(1);
    it.confirm(PEER, 50 * HOUR);
    expect(order(it, 50 * HOUR)).toHaveLength(2);
    expect(it.said(PEER, 'card', ['10.0.0.3:1'], 51 * HOUR)).toBe(true);
    // What it does not say any more is last.
    expect(order(it, 51 * HOUR)[0]).toBe('10.0.0.3');
  });

  it('leaves out what cannot be dialled, keeps eight of a peer, and forgets', () => {
    const it = database();
    expect(it.said(PEER, 'card', ['rubbish', '/ip4/10.0.0.1/udp/53'], 0)).toBe(false);
    expect(it.size).toBe(0);
    it.said(PEER, 'config', ['8.8.8.8:1'], 0);
    for (let i = 0; i < 20; i++) it.said(PEER, 'mdns', [`10.0.0.${i}:1`], i);
    expect(it.addresses(PEER, 20)).toHaveLength(8);
    expect(order(it, 20)).toContain('8.8.8.8');
    expect(it.dropped).toBe(13);
    it.forget(PEER);
    expect(it.best(PEER, 0)).toBeUndefined();
  });

  it('keeps a sample that grows with the links and with the time between refreshes', () => {
    expect(sampleSize(8, DAY, 600_000)).toBe(296);
    expect(sampleSize(16, DAY, 600_000)).toBeGreaterThan(sampleSize(8, DAY, 600_000));
    expect(sampleSize(8, 2 * DAY, 600_000)).toBeGreaterThan(sampleSize(8, DAY, 600_000));
    const it = database();
    const peers = Array.from({ length: 1_000 }, (_, i) => i.toString(16).padStart(64, '0'));
    for (const peer of peers) it.said(peer, 'mdns', ['10.0.0.1:1'], 0);
    expect(it.size).toBe(296);
    expect(it.dropped).toBe(704);
    // What a person wrote stays whatever else comes.
    for (const peer of peers.slice(0, 20)) it.said(peer, 'config', ['10.0.0.2:1'], 0);
    for (const peer of peers) it.said(peer, 'card', ['10.0.0.3:1'], 0);
    for (const peer of peers.slice(0, 20)) expect(it.best(peer, 0)).toBeDefined();
  });
});
