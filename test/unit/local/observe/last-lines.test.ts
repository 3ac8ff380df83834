import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LastLines } from '../../../../src/local/observe/last-lines.ts';
import { fixtureLines } from './fixture.ts';

const line = (timeout: number, more = 'packets=1 bytes=60', protocol = 'udp      17') =>
  `ipv4     2 ${protocol} ${timeout} src=192.168.77.11 dst=198.51.100.7 sport=4000 dport=53 ${more} src=198.51.100.7 dst=203.0.113.1 sport=53 dport=4000 packets=0 bytes=0 mark=0 use=1`;

function read(lines: LastLines, ...texts: string[]): number[] {
  lines.begin();
  return texts.map((text, at) => {
    const found = lines.find(text);
    lines.remember(at);
    return found;
  });
}

test('a line is found in the reading after, whatever its timeout and its state', () => {
  const lines = new LastLines();
  expect(read(lines, line(30))).toEqual([-1]);
  expect(read(lines, 'something else', line(29).replace('29 ', '29 ESTABLISHED '))).toEqual([-1, 0]);
  expect(read(lines, line(28))).toEqual([1]);
  expect(read(lines)).toEqual([]);
  expect(read(lines, line(26))).toEqual([-1]);
});

test('another counter, another protocol, a flag: another line', () => {
  const lines = new LastLines();
  read(lines, line(30));
  expect(
    read(lines, line(30, 'packets=2 bytes=60'), line(30, undefined, 'tcp      6'), `${line(30)} [OFFLOAD]`),
  ).toEqual([-1, -1, -1]);
});

test('real listings: all lines are told apart and found again', () => {
  const texts = [...new Set(fixtureLines('conntrack/L2-extended-id.txt').filter((text) => text !== ''))];
  const lines = new LastLines();
  expect(read(lines, ...texts)).toEqual(texts.map(() => -1));
  expect(read(lines, ...texts)).toEqual(texts.map((_, at) => at));
});

test('rubbish of any kind: what is equal is found, what is not is not', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ maxLength: 300 }), { maxLength: 60 }), (texts) => {
      // No timeout is left out of what is no line of conntrack: each is as it is.
      const lines = new LastLines();
      const plain = texts.map((text) => text.replaceAll(' ', '_'));
      const unique = [...new Set(plain)];
      read(lines, ...unique);
      expect(read(lines, ...unique)).toEqual(unique.map((_, at) => at));
      expect(read(lines, ...unique.map((text) => `${text}x`)).filter((at) => at >= 0)).toEqual(
        unique.filter((text) => unique.includes(`${text}x`)).map((text) => unique.indexOf(`${text}x`)),
      );
    }),
  );
});

test('a flood: memory is bounded, and what is beyond is not found', () => {
  const lines = new LastLines();
  const many = Array.from({ length: 70_000 }, (_, n) => line(30, `packets=${n} bytes=60`));
  read(lines, ...many);
  const found = read(lines, ...many);
  expect(found.slice(0, 65_536)).toEqual(many.slice(0, 65_536).map((_, at) => at));
  expect(found.slice(65_536).every((at) => at === -1)).toBe(true);
  read(lines);
  read(lines);
  expect(read(lines, many[0] ?? '')).toEqual([-1]);
});
