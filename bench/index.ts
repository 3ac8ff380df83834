/** `npm run bench -- NAME [--json] [options]`: measures, and says on which machine and under which load. */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { LabError, USAGE } from '../lab/error.ts';
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

const list = () => benches.map(({ name, describe }) => `  ${name.padEnd(18)}${describe}`).join('\n');

const usage = () =>
  `npm run bench -- NAME [--json] [options]\n\n${list()}\n\nnpm run bench -- NAME --help tells the options.`;

const optionsOf = (bench: Bench) =>
  Object.entries(bench.options)
    .map(([name, option]) => `  --${name.padEnd(12)}${option.describe} (default ${option.default})`)
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
    ...(bench.quick ? { quick: { type: 'boolean' } } : {}),
    ...Object.fromEntries(Object.keys(bench.options).map((name) => [name, { type: 'string' as const }])),
  };
  const { values } = parseArgs({ args: [...args], options: known });
  const quick: Readonly<Record<string, number | undefined>> = bench.quick ?? {};
  const numbers = Object.entries(bench.options).map(([name, option]) => {
    const usual = (values.quick && quick[name]) || option.default;
    const value = values[name] === undefined ? usual : Number(values[name]);
    if (!Number.isInteger(value) || value < 1) throw new TypeError(`--${name} wants a whole number from 1`);
    return [name, value] as const;
  });
  return { options: Object.fromEntries(numbers), help: values.help === true };
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
try {
  if (name === undefined || name === '--help') console.log(usage());
  else {
    const bench = benches.find((one) => one.name === name);
    if (!bench) throw new LabError(`no bench ${name}`, { code: USAGE, hint: `there are\n${list()}` });
    const { options, help } = parseOrTell(bench, args);
    if (help) console.log(`${bench.name}: ${bench.describe}\n${optionsOf(bench)}`);
    else {
      const report = await measure(bench, options, stop);
      if (json) console.log(JSON.stringify(report));
      else print(report);
    }
  }
} catch (error) {
  if (stop.aborted) process.exitCode = 130;
  else fail('bench', error, json);
}
// Pipes to what ran in a house may be open for a moment longer.
process.exit();
