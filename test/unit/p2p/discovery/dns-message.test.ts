import { encode } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { answer, MAX_DATAGRAM, mentions, question, read } from '../../../../src/p2p/discovery/dns-message.ts';

const SERVICE = '_h0123456789abcdef._tcp.local';
const sealed = Buffer.alloc(700, 7);

describe('a message of multicast DNS', () => {
  it('asks, and is answered with what was sealed, however long', () => {
    expect(read(question(SERVICE), SERVICE)).toEqual({ ok: true, value: { asks: true, sealed: [] } });
    expect(read(answer(SERVICE, sealed), SERVICE)).toEqual({
      ok: true,
      value: { asks: false, sealed: [sealed] },
    });
    expect(mentions(question(SERVICE), SERVICE)).toBe(true);
    expect(mentions(answer(SERVICE, sealed), SERVICE)).toBe(true);
  });

  it('about another service says nothing', () => {
    const foreign = answer('_ipp._tcp.local', sealed);
    expect(mentions(foreign, SERVICE)).toBe(false);
    expect(read(foreign, SERVICE)).toEqual({ ok: true, value: { asks: false, sealed: [] } });
    expect(read(question('_ipp._tcp.local'), SERVICE)).toEqual({
      ok: true,
      value: { asks: false, sealed: [] },
    });
  });

  it('that says goodbye gives nothing: anybody could say it again with a lifetime of 0', () => {
    expect(read(answer(SERVICE, sealed, 0), SERVICE)).toEqual({
      ok: true,
      value: { asks: false, sealed: [] },
    });
  });

  it('with more than it may have is read in part', () => {
    const record = { type: 'TXT' as const, name: SERVICE, ttl: 120, data: [Buffer.from('x')] };
    const many = read(encode({ type: 'response', answers: new Array(50).fill(record) }), SERVICE);
    expect(many.ok && many.value.sealed.length).toBe(4);
    const long = { ...record, data: new Array(5).fill(Buffer.alloc(255)) };
    expect(read(encode({ type: 'response', answers: [long] }), SERVICE)).toEqual({
      ok: true,
      value: { asks: false, sealed: [] },
    });
    expect(read(Buffer.alloc(MAX_DATAGRAM + 1), SERVICE).ok).toBe(false);
    const boasting = Buffer.from(answer(SERVICE, sealed));
    boasting.writeUInt16BE(65_535, 6);
    expect(read(boasting, SERVICE)).toEqual({ ok: false, why: 'too many records' });
  });
});
