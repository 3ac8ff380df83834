import { expect, test } from 'vitest';
import { CounterBook, parseElementCounts, parseRuleCounts } from '../../../../src/local/enforce/counters.ts';
import { compile } from '../../../../src/local/enforce/rulebook.ts';
import { blockSet, owner } from './block-sets.ts';

const RULES = `[7:700] -A HR-Od0 -m set --match-set hedge-r0-4 dst -j DROP
[2:200] -A HR-Id0 -m set --match-set hedge-r0-4 src -j DROP
[1:60] -A HR-O -m set --match-set hedge-E-4 dst -m set --match-set hedge-H-4 src -j DROP
[9:900] -A HR-M -m set --match-set hedge-U-4 dst -j RETURN
[9:900] -A FORWARD -m set --match-set hedge-r0-4 dst -j DROP
`;
const SETS = `create hedge-r0-4 hash:ip family inet hashsize 1024 maxelem 1048576 counters
add hedge-r0-4 203.0.113.7 packets 9 bytes 900
add hedge-r0-4 203.0.113.8 packets 0 bytes 0
add hedge-r0-4 203.0.113.9 packets 4 bytes 400
`;

test('the rules tell which sets have dropped', () => {
  expect(parseRuleCounts(RULES)).toEqual(
    new Map([
      ['hedge-r0-4', { packets: 9, bytes: 900 }],
      ['hedge-E-4', { packets: 1, bytes: 60 }],
    ]),
  );
  expect([...(parseElementCounts(SETS).get('hedge-r0-4') ?? [])]).toEqual([
    ['203.0.113.7', { packets: 9, bytes: 900 }],
    ['203.0.113.9', { packets: 4, bytes: 400 }],
  ]);
});

test('only what moved is listed again, and only what is blocked is told', async () => {
  const device = owner('1', ['192.168.1.20'], ['203.0.113.7', '203.0.113.8']);
  const slots = new Map([[device.id, 0]]);
  const rulebook = compile(blockSet([device]), slots, { wan: [] });
  const book = new CounterBook();
  const listed: (string | undefined)[] = [];
  const list = async (name: string | undefined) => {
    listed.push(name);
    return name === 'hedge-r0-4' ? SETS : '';
  };
  const expected = [{ owner: device.id, remote: '203.0.113.7', packets: 9, bytes: 900 }];
  expect(await book.read(rulebook, slots, parseRuleCounts(RULES), list)).toEqual(expected);
  listed.length = 0;
  expect(await book.read(rulebook, slots, parseRuleCounts(RULES), list)).toEqual(expected);
  expect(listed).toEqual([]);
  await book.read(rulebook, slots, parseRuleCounts(RULES.replace('[7:', '[8:')), list);
  expect(listed).toEqual(['hedge-r0-4']);
});

test('networks count by their elements, wide words by their rules, both ways and both families together', async () => {
  const device = owner('1', ['192.168.1.20'], [], [], {
    networks: ['198.51.100.0/24', '203.0.113.7/32'],
    internet: true,
  });
  const slots = new Map([[device.id, 3]]);
  const rules = `[2:200] -A HR-Od3 -m set --match-set hedge-n3-4 dst -j DROP
[3:300] -A HR-Od3 -m set ! --match-set hedge-H-4 dst -j DROP
[1:100] -A HR-Id3 -m set ! --match-set hedge-H-6 src -j DROP
[5:500] -A HR-Od3 -m set --match-set hedge-H-4 dst -j DROP
[5:500] -A HR-O -m set --match-set hedge-E-4 dst -m set --match-set hedge-H-4 src -j DROP
`;
  const sets =
    'add hedge-n3-4 198.51.100.0/24 packets 1 bytes 100\nadd hedge-n3-4 203.0.113.7 packets 1 bytes 99\n';
  const rulebook = compile(blockSet([device]), slots, { wan: [] });
  const list = async (name: string | undefined) => (name === 'hedge-n3-4' ? sets : '');
  expect(await new CounterBook().read(rulebook, slots, parseRuleCounts(rules), list)).toEqual([
    { owner: device.id, remote: '198.51.100.0/24', packets: 1, bytes: 100 },
    { owner: device.id, remote: '203.0.113.7/32', packets: 1, bytes: 99 },
    { owner: device.id, remote: 'internet', packets: 4, bytes: 400 },
  ]);
});
