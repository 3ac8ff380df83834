import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineSplitter } from '../../../../src/local/observe/lines.ts';

test('wherever the chunks are cut, the lines are the same', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z ]{0,20}$/)), fc.array(fc.nat(8)), (lines, cuts) => {
      const got: string[] = [];
      const splitter = new LineSplitter((line) => got.push(line));
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      let at = 0;
      for (const cut of cuts) {
        splitter.push(bytes.subarray(at, at + cut));
        at += cut;
      }
      splitter.push(bytes.subarray(at));
      splitter.end();
      expect(got).toEqual(lines);
    }),
  );
});

test('the last line needs no end; a new stream does not go on with the old one', () => {
  const got: string[] = [];
  const splitter = new LineSplitter((line) => got.push(line));
  splitter.push(Buffer.from('one\ntwo'));
  splitter.end();
  splitter.push(Buffer.from('half of a li'));
  splitter.reset();
  splitter.push(Buffer.from('three\n'));
  expect(got).toEqual(['one', 'two', 'three']);
});

test('a line that never ends is dropped, counted, and does not grow', () => {
  const got: string[] = [];
  const splitter = new LineSplitter((line) => got.push(line), 10);
  for (let i = 0; i < 100; i++) splitter.push(Buffer.from('xxxxxxxx'));
  splitter.push(Buffer.from('\nok\n'));
  splitter.push(Buffer.from('a line in one piece\nfine\n'));
  expect(got).toEqual(['ok', 'fine']);
  expect(splitter.dropped).toBe(2);
});
