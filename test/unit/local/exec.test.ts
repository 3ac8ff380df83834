import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { createExec, Supervised } from '../../../src/local/exec.ts';
import { silentLog } from '../../../src/log.ts';

const LINES = 300;
/** Writes line by line, with time between the lines for whoever wants to read each by itself. */
const SLOWLY = ['sh', '-c', `i=0; while [ $i -lt ${LINES} ]; do echo line $i; i=$((i+1)); sleep 0.001; done`];
const ALL = Array.from({ length: LINES }, (_, n) => `line ${n}\n`).join('');

async function readBy(gatherMs: number | undefined): Promise<{ text: string; pieces: number }> {
  const stopper = new AbortController();
  let [text, pieces] = ['', 0];
  const whole = Promise.withResolvers<void>();
  const supervised = new Supervised({
    exec: createExec(),
    clock: systemClock,
    log: silentLog,
    name: 'lines',
    argv: SLOWLY,
    onData: (chunk) => {
      pieces += 1;
      text += chunk.toString('utf8');
      if (text.length >= ALL.length) whole.resolve();
    },
    ...(gatherMs === undefined ? {} : { gatherMs }),
  });
  await supervised.start(stopper.signal);
  await whole.promise;
  stopper.abort();
  await supervised.stop();
  return { text: text.slice(0, ALL.length), pieces };
}

test('what a child writes line by line is handed on whole and in order, in fewer pieces when it may gather', async () => {
  const [eager, gathered] = await Promise.all([readBy(undefined), readBy(100)]);
  expect(eager.text).toBe(ALL);
  expect(gathered.text).toBe(ALL);
  expect(gathered.pieces).toBeLessThan(eager.pieces);
});

test('a child that is read from lazily is not read ahead, and streams made later are as usual', async () => {
  const stopper = new AbortController();
  const usual = new Readable().readableHighWaterMark;
  const child = createExec().open(SLOWLY, stopper.signal, { lazy: true });
  expect(new Readable().readableHighWaterMark).toBe(usual);
  child.stdin.end();
  await new Promise((resolve) => child.stdout.once('readable', resolve));
  await systemClock.sleep(100);
  expect(child.stdout.readableLength).toBeLessThan(200);
  stopper.abort();
  await child.exited;
});

test('a command that is given up is not waited for, though a child of it holds its pipes', async () => {
  const begun = performance.now();
  const exec = createExec();
  const script = ['sh', '-c', 'sleep 20 & wait'];
  expect((await exec.run(script, { timeoutMs: 100 })).code).toBe(-1);
  const stopper = new AbortController();
  const child = exec.open(script, stopper.signal);
  stopper.abort();
  expect((await child.exited).code).toBe(-1);
  expect(performance.now() - begun).toBeLessThan(15_000);
});
