import { describe, expect, it } from 'vitest';
import { natural, only, type Pair, resolvePair } from '../../../src/control/commands/pair.ts';
import { samePair } from '../../../src/control/commands/standing.ts';
import type { UsageError } from '../../../src/errors.ts';
import type { Subject } from '../../../src/policy/records.ts';
import { isEnforceable } from '../../../src/policy/rules.ts';
import { house, put, usage } from './two-devices.ts';

const parts = house();
await put(parts, 'kids', 'tv', 'phone');
await put(parts, 'trackers', 'ads.example', '*.ads.example');
await put(parts, 'mixed', 'tv', 'ads.example');
const near = ['tv', 'phone', 'kids', 'mixed', 'home', 'lan'];
const far = [
  'trackers',
  'internet',
  'ads.example',
  '*.ads.example',
  '198.51.100.0/24',
  '203.0.113.9',
  'fd00::/8',
];
const words = [...near, ...far];

const sides = ({ a, b }: Pair): { a: Subject; b: Subject } => ({ a: a.subject, b: b.subject });
const shown = ({ a, b }: Pair) => `${a.label} ${b.label}`;
const resolved = (first: string, second?: string) => resolvePair(parts.directory, first, second);

describe('one subject alone means', () => {
  it.each([
    ['tv', 'tv internet'],
    ['kids', 'kids internet'],
    ['mixed', 'mixed internet'],
    ['trackers', 'home trackers'],
    ['ads.example', 'home ads.example'],
    ['*.ads.example', 'home *.ads.example'],
    ['198.51.100.0/24', 'home 198.51.100.0/24'],
    ['203.0.113.9', 'home 203.0.113.9'],
    ['internet', 'home internet'],
    ['home', 'home internet'],
    ['lan', 'home lan'],
  ])('%s: %s', (word, pair) => {
    expect(shown(resolved(word))).toBe(pair);
    expect(shown(natural(parts.directory, only(parts.directory, word)))).toBe(pair);
  });
});

describe('what can never be blocked is refused:', () => {
  it.each([
    '127.0.0.1',
    '224.0.0.251',
    '255.255.255.255',
    'fe80::1',
    '::1',
    'ff02::fb',
    '::ffff:127.0.0.1',
    'fe80::1%eth0',
  ])('the address %s', (address) => {
    expect(() => resolved('tv', address)).toThrow(/is never blocked/);
  });

  it.each(['010.0.0.1', '192.168.1', '256.1.1.1', '1.0x7f', 'domain:192.168.1', '*.168.1'])(
    'the mistyped address %s',
    (address) => {
      expect(() => resolved('tv', address)).toThrow(/nothing here is called/);
    },
  );

  it.each(['192.168.1', '256.1.1.1', '203.0.113.0/33', '203.0.113.0/', '2001:db8::/129', '2001:db8:::7'])(
    'the mistyped address %s, and told how one is written',
    (address) => {
      let hint: string | undefined;
      try {
        resolved('tv', address);
      } catch (error) {
        hint = (error as UsageError).hint;
      }
      expect(hint).toContain('203.0.113.0/24');
    },
  );
});

describe('any two subjects', () => {
  const pairs = words.flatMap((first) => words.map((second) => [first, second] as const));

  it('with a near side are a pair that can be enforced, whichever comes first', () => {
    for (const [first, second] of pairs) {
      const wholes = [first, second].every((word) => word === 'home' || word === 'lan');
      if (first === second || (far.includes(first) && far.includes(second))) continue;
      const [one, other] = [resolved(first, second), resolved(second, first)];
      expect(samePair(sides(one), sides(other)), `${first} ${second}`).toBe(true);
      expect(isEnforceable({ kind: 'block', ...sides(one), terms: {}, apart: [] }), shown(one)).toBe(true);
      expect(one.b.subject.kind).not.toBe('home');
      expect(one.a.subject.kind).not.toBe('lan');
      if (wholes) expect(shown(one)).toBe('home lan');
    }
  });

  it('without one are refused, and so is a pair with itself', () => {
    for (const [first, second] of pairs) {
      const refused = expect(() => resolved(first, second), `${first} ${second}`);
      if (far.includes(first) && far.includes(second)) refused.toThrow(usage(/neither .* is a device/));
      else if (first === second) refused.toThrow(usage(/are the same/));
    }
  });

  it('that are one node are refused, under whatever names', () => {
    const other = house();
    other.classes.push([other.tv, other.phone]);
    expect(() => resolvePair(other.directory, 'tv', 'phone')).toThrow(usage(/tv and phone are the same/));
  });
});
