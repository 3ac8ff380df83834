/** `npm run bench -- NAME [--json] [options]`: measures, and says on which machine and under which load. */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { LabError, USAGE } from '../lab/error.ts';
import { endSandbox, listSandboxes } from '../lab/sandbox.ts';
import { fail, stopSignal } from '../lab/terminal.ts';
import type { Bench } from './bench.ts';
import { doors } from './doors.ts';
import { enforce } from './enforce.ts';
import { type Findings, load, machine, render, targetTable } from './figures.ts';
import { flows } from './flows.ts';
import { forwarding } from './forwarding.ts';
import { kills } from './kills.ts';
import { observe } from './observe.ts';
import { overlayMany } from './overlay-many.ts';
import { policy } from './policy.ts';
import { propagation } from './propagation.ts';
import { replay } from './replay.ts';
import { resyncs } from './resyncs.ts';
import { start } from './start.ts';
import { status } from './status.ts';
import { sync } from './sync.ts';
import { together } from './together.ts';
import { togetherFaults } from './together-faults.ts';
import { togetherHealing } from './together-healing.ts';
import { wear } from './wear.ts';
import { years } from './years.ts';

const benches: readonly Bench[] = [
  propagation,
  start,
  status,
  policy,
  years,
  kills,
  wear,
  observe,
  flows,
  forwarding,
  enforce,
  replay,
  doors,
  together,
  togetherFaults,
  togetherHealing,
  resyncs,
  sync,
  overlayMany,
];

/** A bench that takes longer is stopped, minutes; `--deadline` says otherwise. */
const DEADLINE_MIN = 240;
/** What is stopped has so long to take its house down itself, milliseconds. */
const GRACE_MS = 20_000;
/** As timeout(1) has it. */
const TIMED_OUT = 124;

const list = () => benches.map(({ name, describe }) => `  ${name.padEnd(18)}${describe}`).join('\n');

const usage = () =>
  `npm run bench -- NAME [--json] [options]\n\n${list()}\n\nnpm run bench -- NAME --help tells the options.`;

const optionsOf = (bench: Bench) =>
  Object.entries(bench.options)
    .map(([name, option]) => `  --${name.padEnd(12)}${option.describe} (default ${option.default})`)
    .concat(
      `  --${'deadline'.padEnd(12)}minutes until it is stopped and its house taken down (default ${DEADLINE_MIN})`,
    )
    .concat(bench.quick ? [`  --${'quick'.padEnd(12)}${quickly(bench.quick)}`] : [])
    .join('\n');

const quickly = (quick: NonNullable<Bench['quick']>) =>
  `for a first look: ${Object.entries(quick)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')}`;

/** The options of a bench out of the arguments; whatever is not given is its default. */
function parse(bench: Bench, args: readonly string[]) {
  const known: ParseArgsOptionsConfig = {
    json: { type: 'boolean' },
    help: { type: 'boolean' },
    deadline: { type: 'string' },
    ...(bench.quick ? { quick: { type: 'boolean' } } : {}),
    ...Object.fromEntries(Object.keys(bench.options).map((name) => [name, { type: 'string' as const }])),
  };
  const { values } = parseArgs({ args: [...args], options: known });
  const quick: Readonly<Record<string, number | undefined>> = bench.quick ?? {};
  const numbers = Object.entries(bench.options).map(([name, option]) => {
    const usual = (values.quick && quick[name]) || option.default;
    return [name, wholeNumber(name, values[name], usual)] as const;
  });
  const deadline = wholeNumber('deadline', values.deadline, DEADLINE_MIN);
  return { options: Object.fromEntries(numbers), help: values.help === true, deadline };
}

function wholeNumber(name: string, text: unknown, usual: number): number {
  const value = text === undefined ? usual : Number(text);
  if (!Number.isInteger(value) || value < 1) throw new TypeError(`--${name} wants a whole number from 1`);
  return value;
}

/** As {@link parse}; a wrong argument is told with what there is. */
function parseOrTell(bench: Bench, args: readonly string[]) {
  try {
    return parse(bench, args);
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new LabError(cause.message, { cause, code: USAGE, hint: `the options are\n${optionsOf(bench)}` });
  }
}

/** Everything of a run: what it found, and what a reader must know to judge it. */
async function measure(bench: Bench, options: Readonly<Record<string, number>>, signal: AbortSignal) {
  const begun = performance.now();
  const before = load();
  const found: Findings = await bench.run(options, { tell: (line) => console.error(line), signal });
  return {
    bench: bench.name,
    at: new Date().toISOString(),
    took_s: Math.round((performance.now() - begun) / 1000),
    machine: machine(),
    load: { before, after: load() },
    options,
    ...found,
  };
}

/**
 * The work, unless it is stopped and does not end, or waits for what can never come: then it is given up. Either way no house of
 * this process is left. (What is killed with SIGKILL leaves none: they die with it.)
 */
async function boundedly<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const givenUp = Promise.withResolvers<never>();
  const giveUp = (why: string) => givenUp.reject(new LabError(why, { hint: 'its house was taken down' }));
  const onAbort = () => {
    console.error('bench: stopped; its house is taken down');
    setTimeout(() => giveUp(`it did not end within ${GRACE_MS / 1000} s`), GRACE_MS);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  process.once('beforeExit', () => giveUp('what it waits for can not come any more'));
  try {
    return await Promise.race([work, givenUp.promise]);
  } finally {
    const own = (await listSandboxes()).filter(({ name }) => name.endsWith(`-${process.pid}`));
    await Promise.all(own.map(endSandbox));
  }
}

function print(report: Awaited<ReturnType<typeof measure>>) {
  const { cpu, cores, memory_gb, kernel, node } = report.machine;
  console.log(`${report.bench}, ${report.at}, ${report.took_s} s`);
  console.log(`${cores} × ${cpu}, ${memory_gb} GB, Linux ${kernel}, Node ${node}`);
  console.log(`load ${report.load.before.join(' ')} before, ${report.load.after.join(' ')} after\n`);
  const { tables, targets } = report;
  const shown = targets.length > 0 ? [...tables, targetTable(targets)] : tables;
  console.log(shown.map(render).join('\n\n'));
}

const [name, ...args] = process.argv.slice(2);
const json = args.includes('--json');
const stop = stopSignal();
const late = new AbortController();
try {
  if (name === undefined || name === '--help') console.log(usage());
  else {
    const bench = benches.find((one) => one.name === name);
    if (!bench) throw new LabError(`no bench ${name}`, { code: USAGE, hint: `there are\n${list()}` });
    const { options, help, deadline } = parseOrTell(bench, args);
    if (help) console.log(`${bench.name}: ${bench.describe}\n${optionsOf(bench)}`);
    else {
      setTimeout(() => late.abort(), Math.min(deadline * 60_000, 2 ** 31 - 1)).unref();
      const signal = AbortSignal.any([stop, late.signal]);
      const report = await boundedly(measure(bench, options, signal), signal);
      if (json) console.log(JSON.stringify(report));
      else print(report);
    }
  }
} catch (error) {
  if (stop.aborted) process.exitCode = 130;
  else if (late.signal.aborted) process.exitCode = TIMED_OUT;
  else fail('bench', error, json);
}
// Pipes to what ran in a house may be open for a moment longer.
process.exit();
