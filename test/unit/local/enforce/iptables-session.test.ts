import { beforeEach, describe, expect, test } from 'vitest';
import { Iptables } from '../../../../src/local/enforce/iptables.ts';
import { IptablesSession } from '../../../../src/local/enforce/iptables-session.ts';
import { silentLog } from '../../../../src/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { ScriptedExec, settle } from './scripted-exec.ts';

const { signal } = new AbortController();
const TEXT = '*mangle\n:HR-Od0 - [0:0]\n-A HR-Od0 -j DROP\nCOMMIT\n';
const one = new Map([[4, TEXT]] as const);
let spawned: { code?: number; stderr?: string };
let exec: ScriptedExec;
let clock: FakeClock;
let session: IptablesSession;
beforeEach(() => {
  spawned = {};
  exec = new ScriptedExec(() => spawned);
  clock = new FakeClock();
  session = new IptablesSession(new Iptables(exec, 'legacy'), { exec, clock, log: silentLog });
});
const child = (n: number) => {
  const found = exec.children[n];
  if (found === undefined) throw new Error('no child');
  return found;
};
/** What the tool prints with -v: the comments that it was given. */
const echo = (n: number, ack: number) => child(n).stdout.write(`# hedgerow-ack-${ack}\n`);
const opened = async (): Promise<void> => {
  const done = session.open(signal);
  await settle();
  for (const n of [0, 1]) echo(n, 1);
  await done;
};

test('one command for each family is kept open, and a comment behind the transaction is acknowledged', async () => {
  await opened();
  expect(exec.children.map(({ argv }) => argv)).toEqual([
    'iptables-legacy-restore -w 10 --noflush -v',
    'ip6tables-legacy-restore -w 10 --noflush -v',
  ]);
  let done = false;
  const both = session
    .restore(
      new Map([
        [4, TEXT],
        [6, TEXT],
      ]),
      signal,
    )
    .then(() => {
      done = true;
    });
  await settle();
  for (const n of [0, 1]) expect(child(n).heard).toBe(`# hedgerow-ack-1\n${TEXT}# hedgerow-ack-2\n`);
  echo(0, 2);
  // In pieces, and behind other words of the tool.
  child(1).stdout.write('Flushing chain `HR-Od0`\n# hedgerow-');
  await settle();
  expect(done).toBe(false);
  child(1).stdout.write('ack-2\n');
  await both;
  expect(exec.ran).toEqual([]);
  await session.stop();
  expect((await child(0).exited).why).toBe('aborted');
});

test('a warning is no failure', async () => {
  await opened();
  const done = session.restore(one, signal);
  child(0).stderr.write('# Warning: iptables-legacy tables present\n');
  await settle();
  echo(0, 2);
  await done;
  expect(exec.ran).toEqual([]);
});

describe('a spawned command has the last word', () => {
  const SPAWNED = { argv: 'iptables-legacy-restore -w 10 --noflush', input: TEXT };

  test('where the one that is kept open ends, with the words of its own; the next change opens it again', async () => {
    await opened();
    spawned = { code: 1, stderr: 'iptables-restore v1.8.9: Set hedge-r0-4 does not exist.' };
    const done = expect(session.restore(one, signal)).rejects.toMatchObject({
      name: 'TemporaryError',
      message: expect.stringContaining('Set hedge-r0-4 does not exist'),
    });
    child(0).stderr.write('iptables-restore: line 4 failed\n');
    child(0).end(1, 'exit code 1');
    await done;
    expect(exec.ran).toEqual([SPAWNED]);
    spawned = {};
    const next = session.restore(one, signal);
    await settle();
    expect(exec.children).toHaveLength(3);
    echo(2, 3);
    await next;
    expect(exec.ran).toHaveLength(1);
  });

  test('where no answer comes, and rubbish comes', async () => {
    await opened();
    const done = session.restore(one, signal);
    for (let n = 0; n < 100; n++) child(0).stdout.write(`${'x'.repeat(1_000)}# hedgerow-ack-22\n`);
    await settle();
    await clock.advance(15_000);
    await done;
    expect((await child(0).exited).why).toBe('aborted');
    expect(exec.ran).toEqual([SPAWNED]);
  });

  test('for good where it never answered: a tool that knows no -v, or is not there', async () => {
    const done = session.open(signal);
    await settle();
    child(0).stderr.write('unknown option -v\n');
    for (const n of [0, 1]) child(n).end(2, 'exit code 2');
    await done;
    await session.restore(one, signal);
    await session.restore(one, signal);
    expect(exec.children).toHaveLength(2);
    expect(exec.ran).toEqual([SPAWNED, SPAWNED]);
  });
});

test('an abort is no reason to run it again', async () => {
  await opened();
  const stopper = new AbortController();
  const done = expect(session.restore(one, stopper.signal)).rejects.toThrow('enough');
  await settle();
  stopper.abort(new Error('enough'));
  await done;
  expect(exec.ran).toEqual([]);
});
