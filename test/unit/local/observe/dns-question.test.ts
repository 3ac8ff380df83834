import dnsPacket from 'dns-packet';
import { expect, test } from 'vitest';
import { parseDnsQuestion } from '../../../../src/local/observe/dns.ts';
import { answer } from './packets.ts';

const ask = (...names: string[]) =>
  dnsPacket.encode({ type: 'query', id: 7, questions: names.map((name) => ({ type: 'AAAA', name })) });

test('the name of a question, asked or answered, of any type', () => {
  expect(parseDnsQuestion(ask('Ads.Example'))).toEqual({ domain: 'ads.example', asks: true });
  expect(parseDnsQuestion(answer('ads.example', []))).toEqual({ domain: 'ads.example', asks: false });
});

test.each([
  ['nothing', Buffer.alloc(11), 'short'],
  ['cut off', ask('ads.example').subarray(0, 20), 'short'],
  ['two questions', ask('ads.example', 'more.example'), 'kind'],
  ['no domain', ask('gw'), 'name'],
  ['another operation', Buffer.from('000728000001000000000000', 'hex'), 'kind'],
])('%s is none', (_, bytes, why) => {
  expect(parseDnsQuestion(bytes)).toBe(why);
});
