import { expect, test } from 'vitest';
import type { AnswerFact } from '../../../../src/local/observe/facts.ts';
import { QueryLogSource } from '../../../../src/local/observe/query-log-source.ts';
import { silentLog } from '../../../../src/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { fixture } from './fixture.ts';
import { ScriptedExec, settle } from './scripted-exec.ts';

async function following() {
  const exec = new ScriptedExec(() => undefined);
  const clock = new FakeClock();
  const facts: AnswerFact[] = [];
  const source = new QueryLogSource({
    exec,
    clock,
    log: silentLog,
    path: '/var/log/dnsmasq.log',
    onFact: (fact) => facts.push(fact),
  });
  await source.start(new AbortController().signal);
  const write = async (text: string, where: 'stdout' | 'stderr' = 'stdout') => {
    exec.child('tail')[where].write(text);
    await settle();
  };
  return { exec, clock, facts, source, write };
}

const answer = (address: string) => `dnsmasq[1]: 1 192.168.77.11/4 reply a.example is ${address}\n`;

test('the log is followed from its end, in pieces of any size', async () => {
  const { exec, facts, source, write } = await following();
  expect(exec.calls).toEqual(['tail -n 0 -F -- /var/log/dnsmasq.log']);
  const text = fixture('capture/dnsmasq-log-queries-extra.txt');
  for (let at = 0; at < text.length; at += 1_000) await write(text.slice(at, at + 1_000));
  expect(new Set(facts.flatMap(({ addresses }) => addresses)).size).toBe(36);
  expect(source.health()).toMatchObject({
    name: 'query log',
    running: true,
    restarts: 0,
    lastError: undefined,
  });
  await source.stop();
  expect(exec.children.size).toBe(0);
});

test('a missing file is told until it comes; rotation and truncation are counted', async () => {
  const { facts, source, write } = await following();
  await write("tail: cannot open '/var/log/dnsmasq.log' for reading: No such file or directory\n", 'stderr');
  expect(source.health()).toMatchObject({
    running: false,
    lastError: expect.stringContaining('No such file'),
  });
  await write("tail: '/var/log/dnsmasq.log' has appeared;  following new file\n", 'stderr');
  expect(source.health()).toMatchObject({ running: true, lastError: undefined, counters: { rotations: 1 } });
  await write(answer('198.51.100.1'));
  await write('tail: /var/log/dnsmasq.log: file truncated\n', 'stderr');
  await write(answer('198.51.100.2'));
  expect(facts).toHaveLength(2);
  expect(source.health()).toMatchObject({ running: true, counters: { rotations: 2, answers: 2 } });
  await source.stop();
});

test('a log without numbers is told, and what it needs', async () => {
  const { source, write } = await following();
  await write('dnsmasq[1]: query[A] a.example from 192.168.77.11\n');
  expect(source.health().lastError).toContain('log-queries=extra');
  await write(answer('198.51.100.1'));
  expect(source.health().lastError).toBeUndefined();
  await source.stop();
});

test('tail is started again, without the half line it had read', async () => {
  const { exec, clock, facts, source, write } = await following();
  await write('dnsmasq[1]: 1 192.168.77.11/4 reply a.exam');
  exec.child('tail').exit(1);
  await settle();
  await clock.advance(2_000);
  await write(answer('198.51.100.1'));
  expect(facts).toHaveLength(1);
  expect(source.health()).toMatchObject({ restarts: 1, counters: { lines: 1 } });
  await source.stop();
});
