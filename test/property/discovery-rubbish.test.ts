import { encode } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  homeTag,
  MAX_ADDRESSES,
  open,
  readAnnouncement,
  seal,
} from '../../src/p2p/discovery/announcement.ts';
import { answer, question, read } from '../../src/p2p/discovery/dns-message.ts';
import {
  addressQuestion,
  natPmpQuestion,
  pcpQuestion,
  readAddressAnswer,
  readNatPmpAnswer,
  readPcpAnswer,
} from '../../src/p2p/port-mapping/port-control-wire.ts';
import { controlOf, descriptionUrl, elementText, faultCode } from '../../src/p2p/port-mapping/upnp-text.ts';
import { DESCRIPTION, SEARCH_ANSWER } from '../unit/p2p/port-mapping/gateway-texts.ts';
import { Spoiler } from './spoil.ts';

/** How much rubbish of each kind; HEDGEROW_FUZZ=1000000 takes minutes. */
const RUNS = Number(process.env.HEDGEROW_FUZZ ?? 50_000);
const SEED = Number(process.env.FAST_CHECK_SEED ?? 20261121) || 1;
const PATIENCE_MS = 60_000 + RUNS * 2;

const wish = { internalPort: 4411, externalPort: 4411, seconds: 3600 };
const tag = homeTag(Buffer.alloc(32, 1));
const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((raw) => Buffer.from(raw).toString('hex'));
const address = fc
  .tuple(
    fc.integer({ min: 1, max: 126 }),
    fc.nat(255),
    fc.nat(255),
    fc.nat(255),
    fc.integer({ min: 1, max: 65_535 }),
  )
  .map(([a, b, c, d, port]) => `/ip4/${a}.${b}.${c}.${d}/tcp/${port}`);
const announcement = fc.record({
  peer: key,
  addresses: fc.uniqueArray(address, { maxLength: MAX_ADDRESSES }),
});

/** Throws when something was accepted that nobody may be led to; `expect` would take longer than what is looked at. */
function sound(verdict: ReturnType<typeof open>): boolean {
  if (!verdict.ok) return false;
  const { peer, addresses } = verdict.value;
  const good = addresses.every((text) => /^\/ip[46]\/[0-9a-f.:]+\/tcp\/[1-9]\d{0,4}$/.test(text));
  if (good && /^[0-9a-f]{64}$/.test(peer) && addresses.length <= MAX_ADDRESSES) return true;
  throw new Error(`accepted: ${JSON.stringify(verdict.value)}`);
}

describe('what is said on a subnet', { timeout: PATIENCE_MS }, () => {
  it('comes back as it went', () => {
    fc.assert(
      fc.property(announcement, (told) => {
        const heard = read(answer(tag.service, seal(told, tag)), tag.service);
        const [sealed = new Uint8Array()] = heard.ok ? heard.value.sealed : [];
        expect(open(sealed, tag)).toEqual({ ok: true, value: told });
      }),
    );
  });

  it('is a verdict, whatever bytes a member seals', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (plain) => {
        sound(readAnnouncement(plain));
      }),
      { numRuns: 2_000 },
    );
    const spoiler = new Spoiler(SEED);
    const text = Buffer.from('/ip4/192.168.1.1/tcp/4411');
    const head = Buffer.concat([Buffer.from([8, 1, 18, 32]), Buffer.alloc(32, 7)]);
    const plain = Buffer.concat([head, Buffer.from([26, text.length]), text]);
    expect(sound(readAnnouncement(plain))).toBe(true);
    let accepted = 0;
    for (let i = 0; i < RUNS; i++) if (sound(readAnnouncement(spoiler.bytes([plain])))) accepted += 1;
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(RUNS);
  });

  it('is a verdict, whatever bytes anybody sends', () => {
    const spoiler = new Spoiler(SEED);
    const sealed = seal({ peer: 'ab'.repeat(32), addresses: ['/ip4/192.168.1.1/tcp/4411'] }, tag);
    const record = { type: 'TXT' as const, name: tag.service, data: ['x'] };
    const samples = [
      question(tag.service),
      answer(tag.service, sealed),
      answer(tag.service, Buffer.alloc(900, 1)),
      encode({ type: 'response', answers: new Array(20).fill(record) }),
    ];
    let good = 0;
    for (let i = 0; i < RUNS; i++) {
      const heard = read(spoiler.bytes(samples), tag.service);
      if (!heard.ok) continue;
      if (heard.value.sealed.length > 4) throw new Error('too many answers are read');
      for (const one of heard.value.sealed) if (sound(open(one, tag))) good += 1;
    }
    // Some were not spoilt at all.
    expect(good).toBeGreaterThan(0);
  });
});

describe('what a gateway says', { timeout: PATIENCE_MS }, () => {
  it(
    'over NAT-PMP and PCP is a verdict',
    () => {
      const spoiler = new Spoiler(SEED);
      const nonce = Buffer.alloc(12, 5);
      const [pmp, map, whole] = [Buffer.alloc(12), Buffer.alloc(16), pcpQuestion(wish, '192.168.9.2', nonce)];
      pmp[1] = 0x80;
      map[1] = 0x82;
      map.writeUInt16BE(4411, 8);
      whole[1] = 0x81;
      whole[3] = 0;
      const samples = [pmp, map, whole, addressQuestion(), natPmpQuestion(wish)];
      for (let i = 0; i < RUNS; i++) {
        const raw = spoiler.bytes(samples);
        expect(typeof readAddressAnswer(raw).ok).toBe('boolean');
        expect(typeof readNatPmpAnswer(raw, 4411).ok).toBe('boolean');
        expect(typeof readPcpAnswer(raw, nonce).ok).toBe('boolean');
      }
    },
    PATIENCE_MS,
  );

  it(
    'over UPnP leads to nobody else, and is read in time',
    () => {
      const spoiler = new Spoiler(SEED);
      const base = new URL('http://192.168.9.1:5000/rootDesc.xml');
      const [search, description] = [Buffer.from(SEARCH_ANSWER), Buffer.from(DESCRIPTION)];
      for (let i = 0; i < RUNS; i++) {
        const found = descriptionUrl(spoiler.bytes([search]), '192.168.9.1');
        if (found !== undefined && found.hostname !== '192.168.9.1') throw new Error(`led to ${found.href}`);
        if (i % 10 > 0) continue;
        const text = spoiler.bytes([description]).toString();
        const control = controlOf(text, base, '192.168.9.1');
        if (control !== undefined) expect(control.url.hostname).toBe('192.168.9.1');
        expect(Number.isSafeInteger(faultCode(text))).toBe(true);
      }
    },
    PATIENCE_MS,
  );

  it('in a long text that never ends its elements costs no more than its length', () => {
    for (const piece of [
      '<',
      '<a:',
      '<errorCode ',
      '<errorCode>1',
      '<service>',
      '<service><serviceType',
      '&amp;',
    ]) {
      const text = piece.repeat(131_072 / piece.length);
      const began = performance.now();
      expect(elementText(text, 'errorCode')).toBeUndefined();
      expect(controlOf(text, new URL('http://192.168.9.1/'), '192.168.9.1')).toBeUndefined();
      expect(performance.now() - began).toBeLessThan(2_000);
    }
  });
});
