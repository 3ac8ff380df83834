import { expect, test } from 'vitest';
import type { AnswerFact } from '../../../../src/local/observe/facts.ts';
import { parseQueryLine, QueryLog } from '../../../../src/local/observe/query-log.ts';
import { fixtureLines } from './fixture.ts';

const CLIENT = '192.168.77.11';
const said = (what: string, serial = 1, client = CLIENT) =>
  `Nov 21 10:08:34 dnsmasq[21744]: ${serial} ${client}/4000 ${what}`;

function read(...lines: string[]) {
  const facts: AnswerFact[] = [];
  const log = new QueryLog((fact) => facts.push(fact));
  for (const line of lines) log.line(line);
  log.flush();
  return { facts, ...log.counters };
}

test('a real log: the answers that hold addresses', () => {
  const { facts, lines, answers, forgotten } = read(...fixtureLines('capture/dnsmasq-log-queries-extra.txt'));
  expect(facts.map(({ domain, chain, addresses }) => [domain, chain, addresses.length])).toEqual([
    ['www.example.test', [], 1],
    ['www.example.test', [], 1],
    ['multi.example.test', [], 3],
    ['a1.example.test', ['a2.example.test', 'www.example.test'], 1],
    ['many.example.test', [], 31],
    ['a1.example.test', ['a2.example.test', 'www.example.test'], 1],
    ['www.example.test', [], 1],
    ['many.example.test', [], 31],
  ]);
  expect(facts[1]).toEqual({
    kind: 'answer',
    source: 'log',
    client: CLIENT,
    domain: 'www.example.test',
    chain: [],
    addresses: ['2001:db8:1::2'],
    ttlS: 0,
  });
  expect({ lines, answers, forgotten }).toEqual({ lines: 115, answers: 8, forgotten: 0 });
});

test.each(['cached', 'cached-stale', 'config', 'DHCP', '/etc/hosts', 'reply'])('answers by %s', (how) => {
  expect(
    read(said('query[A] Ads.Example from x'), said(`${how} Ads.Example is 198.51.100.7`)).facts,
  ).toMatchObject([{ domain: 'ads.example', addresses: ['198.51.100.7'] }]);
});

test('answers that overlap are told apart by number, client and process', () => {
  const { facts } = read(
    said('query[A] a.example from x', 1),
    said('query[A] b.example from x', 2),
    said('reply a.example is <CNAME>', 1),
    said('reply b.example is 198.51.100.2', 2),
    said('reply edge.example is 198.51.100.1', 1),
    said('reply c.example is 198.51.100.3', 1, 'fd77::11'),
  );
  expect(facts.map(({ client, domain, chain, addresses }) => [client, domain, chain, addresses])).toEqual([
    [CLIENT, 'b.example', [], ['198.51.100.2']],
    [CLIENT, 'a.example', ['edge.example'], ['198.51.100.1']],
    ['fd77::11', 'c.example', [], ['198.51.100.3']],
  ]);
});

test('an answer that comes in two parts is told twice, each address once', () => {
  const facts: AnswerFact[] = [];
  const log = new QueryLog((fact) => facts.push(fact));
  log.line(said('reply a.example is <CNAME>'));
  log.line(said('reply edge.example is 198.51.100.1'));
  log.flush();
  log.flush();
  log.line(said('reply edge.example is 198.51.100.2'));
  log.flush();
  expect(facts.map(({ domain, chain, addresses }) => [domain, chain, addresses])).toEqual([
    ['a.example', ['edge.example'], ['198.51.100.1']],
    ['a.example', ['edge.example'], ['198.51.100.2']],
  ]);
});

test('a name that the question does not lead to is not believed', () => {
  const { facts, ignored } = read(
    said('query[A] a.example from x'),
    said('reply bank.example is 192.0.2.66'),
    said('reply a.example is 198.51.100.1'),
    said('reply bank.example is 192.0.2.66'),
  );
  expect(facts).toMatchObject([{ domain: 'a.example', addresses: ['198.51.100.1'], chain: [] }]);
  expect(ignored).toBe(2);
});

test.each([
  'reply error is REFUSED',
  'reply is truncated',
  'reply a.example is NXDOMAIN',
  'reply a.example is NODATA-IPv6',
  'reply a.example is <HTTPS>',
  'reply 198.51.100.7 is a.example',
  'forwarded a.example to 203.0.113.2',
  'validation result is INSECURE',
  'query[A] localhost from x',
])('nothing is learnt from: %s', (what) => {
  expect(read(said(what))).toMatchObject({ facts: [], ignored: 1 });
});

test('other loggers and other clients’ addresses', () => {
  const key = { kind: 'query', name: 'a.example' };
  expect(parseQueryLine('dnsmasq: 7 fe80::1%br-lan/53 query[A] a.example from fe80::1')).toMatchObject({
    ...key,
    client: 'fe80::1',
  });
  const openwrt =
    'Fri Nov 21 10:08:32 2026 daemon.info dnsmasq[1]: 7 192.168.77.11/4 query[type=65] a.example from x';
  expect(parseQueryLine(openwrt)).toMatchObject(key);
  expect(parseQueryLine('Nov 21 dnsmasq[1]: query[A] a.example from 192.168.77.11')).toBe('plain');
  expect(parseQueryLine('Nov 21 10:08:32 dnsmasq[21744]: cleared cache')).toBe('other');
  expect(parseQueryLine('')).toBe('other');
});

test('questions that nobody answers give way', () => {
  const many = Array.from({ length: 1_100 }, (_, i) => said('query[A] a.example from x', i));
  expect(read(...many)).toMatchObject({ facts: [], forgotten: 76 });
});
