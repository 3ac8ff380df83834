/** What years of changes cost: on disk, in memory, at a start, and when another router joins. */
import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ClassicLevel } from 'classic-level';
import { openDatabase } from '../src/store/database.ts';
import type { Bench, Context } from './bench.ts';
import { withDisk } from './disk.ts';
import { atMost, type Findings, median, round, type Table } from './figures.ts';
import { admitMember, emptyOn, history, members, newReplica } from './history.ts';
import { must, took } from './timing.ts';
import type { YearsStart } from './years-start.ts';

const run = promisify(execFile);
const START = join(import.meta.dirname, 'years-start.ts');
/** A start is not waited for longer than this, milliseconds. */
const START_LIMIT_MS = 120_000;
/** Ops that are written before the disk is waited for. */
const GROUP = 256;

export const years: Bench<'ops' | 'many' | 'live' | 'starts' | 'joined'> = {
  name: 'history',
  describe: 'what years of changes cost: store, memory, start, and the joining of a router',
  options: {
    ops: { describe: 'changes of a long life (ten years of 20 a day)', default: 73_000 },
    many: {
      describe: 'changes of an automation gone wild (100,000 blocks made and lifted)',
      default: 200_000,
    },
    live: { describe: 'blocks that hold in the end', default: 1_000 },
    starts: { describe: 'starts on each store', default: 5 },
    joined: { describe: 'ops that a joining router verifies', default: 73_000 },
  },
  async run(options, context) {
    return await withDisk(async (folder) => {
      const base = await lifeOf(join(folder, 'none'), 0, options, context);
      const long = await lifeOf(join(folder, 'long'), options.ops, options, context);
      const wild = await lifeOf(join(folder, 'wild'), options.many, options, context);
      const joining = joiningOf(options, context);
      return report({ base, long, wild, joining }, options.live);
    });
  },
};

type Options = Parameters<typeof years.run>[0];

async function lifeOf(folder: string, count: number, options: Options, { tell, signal }: Context) {
  const bytes = await write(folder, count, options.live);
  const asWritten = await sizeOf(folder);
  await compact(folder);
  const compacted = await sizeOf(folder);
  tell(`a store of ${count} ops`);
  const starts: YearsStart[] = [];
  for (let n = 0; n < options.starts; n++) {
    const args = ['--expose-gc', START, folder];
    const { stdout } = await run(process.execPath, args, { signal, timeout: START_LIMIT_MS });
    starts.push(JSON.parse(stdout) as YearsStart);
  }
  tell(`${starts.length} starts on it`);
  const middle = (of: keyof YearsStart) => round(median(starts.map((start) => start[of])));
  return {
    ops: middle('ops'),
    wire_bytes: bytes,
    as_written_mb: round(asWritten / 1e6),
    compacted_mb: round(compacted / 1e6),
    start: {
      open_ms: middle('open_ms'),
      load_ms: middle('load_ms'),
      fold_ms: middle('fold_ms'),
      total_ms: middle('total_ms'),
      cpu_ms: middle('cpu_ms'),
    },
    memory: { rss_mb: middle('rss_mb'), heap_mb: middle('heap_mb'), buffers_mb: middle('buffers_mb') },
  };
}

/** Fills a store as an agent does that joins; answers the bytes of all envelopes. */
async function write(folder: string, count: number, live: number): Promise<number> {
  const side = emptyOn(await openDatabase(folder));
  side.restore(await side.store.load(side.replica.home));
  for (const { peer } of members.slice(1)) admitMember(side.replica, peer);
  let bytes = 0;
  for (const [n, { envelope }] of history(count, live, false).entries()) {
    must(side.replica.restore(envelope).verdict, 'ok');
    bytes += envelope.length;
    if (n % GROUP === 0) await side.store.durable();
  }
  await side.store.durable();
  await side.store.close();
  return bytes;
}

async function compact(folder: string): Promise<void> {
  const database = new ClassicLevel(folder);
  await database.open();
  await database.compactRange('', '\uffff');
  await database.close();
}

async function sizeOf(folder: string): Promise<number> {
  const files = await readdir(folder);
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** A new router takes everything from another one that has it: names, verification and fold, without the network. */
function joiningOf({ joined, live }: Options, { tell }: Context) {
  const ops = history(joined, live, true);
  tell(`${joined} signed ops`);
  const source = newReplica();
  for (const { envelope } of ops) must(source.restore(envelope).verdict, 'ok');
  const peers = members.map(({ peer }) => peer);
  const joiner = newReplica();
  const naming = took(() => source.missing(joiner.heads(peers), peers).send);
  const admitting = took(() => {
    for (const id of naming.value) {
      const envelope = source.envelope(id);
      if (envelope !== undefined) must(joiner.admit(envelope).verdict, 'ok');
    }
  });
  must(joiner.digest, source.digest);
  tell('a router has joined');
  const before = joiner.heads(peers);
  for (let n = 0; n < 10; n++)
    source.author(members[0], '0a'.repeat(16), { at: 1, by: 'ada', over: [], add: [{ kind: 'leave' }] });
  const few = took(() => source.missing(before, peers).send);
  must(few.value.length, 10);
  return {
    ops: joined,
    naming_ms: round(naming.ms),
    admit_s: round(admitting.ms / 1000),
    per_s: Math.round((joined / admitting.ms) * 1000),
    ten_newer_ms: round(few.ms),
  };
}

interface Figures {
  readonly base: Awaited<ReturnType<typeof lifeOf>>;
  readonly long: Awaited<ReturnType<typeof lifeOf>>;
  readonly wild: Awaited<ReturnType<typeof lifeOf>>;
  readonly joining: ReturnType<typeof joiningOf>;
}

function report({ base, long, wild, joining }: Figures, live: number): Findings {
  const lives = [base, long, wild];
  const row = (what: string, of: (life: Figures['base']) => number) => [what, ...lives.map(of)];
  const more = (life: Figures['base'], of: keyof Figures['base']['memory']) =>
    round(life.memory[of] - base.memory[of]);
  const each = (life: Figures['base'], bytes: number) => (life === base ? 0 : round(bytes / life.ops));
  const tables: Table[] = [
    {
      title: `a home with a past, ${live} blocks of it live; medians`,
      columns: ['what', ...lives.map(({ ops }) => `${ops} ops`)],
      rows: [
        row('open the store, ms', ({ start }) => start.open_ms),
        row('read it, ms', ({ start }) => start.load_ms),
        row('take it up and fold, ms', ({ start }) => start.fold_ms),
        row('start in all, ms', ({ start }) => start.total_ms),
        row('of it CPU of all threads, ms', ({ start }) => start.cpu_ms),
        row('store as written, MB', ({ as_written_mb }) => as_written_mb),
        row('store compacted, MB', ({ compacted_mb }) => compacted_mb),
        row('bytes of an op on disk', (life) => each(life, life.compacted_mb * 1e6)),
        row('bytes of an op on the wire', (life) => each(life, life.wire_bytes)),
        row('resident memory, MB', ({ memory }) => memory.rss_mb),
        row('heap for it, MB', (life) => more(life, 'heap_mb')),
        row('buffers for it, MB', (life) => more(life, 'buffers_mb')),
      ],
    },
    {
      title: `a router joins a home with ${joining.ops} ops`,
      columns: ['what', 'measured'],
      rows: [
        ['naming what it lacks, ms', joining.naming_ms],
        ['verifying and folding it, s', joining.admit_s],
        ['ops a second', joining.per_s],
        ['naming ten newer ops after that, ms', joining.ten_newer_ms],
      ],
    },
  ];
  return {
    figures: { base, long, wild, joining },
    tables,
    targets: [
      atMost(`policy and store of ${long.ops} ops started`, long.start.total_ms, 300, 'ms'),
      atMost(`store of ${wild.ops} ops as written`, wild.as_written_mb, 80, 'MB'),
    ],
  };
}
