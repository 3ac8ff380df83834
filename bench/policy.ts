/** What the policy costs by itself, without kernel, disk and network: fold, verification, decide, registers. */
import { utf8 } from '../src/policy/crypto.ts';
import { concat, decodeStoredOp } from '../src/policy/op.ts';
import type { Bench, Context } from './bench.ts';
import { decideTimes, registerTimes } from './deciding.ts';
import { cells, FIGURE_COLUMNS, type Figure, type Findings, figure, round, type Table } from './figures.ts';
import {
  admitMember,
  blockOf,
  collector,
  crypto,
  history,
  members,
  newcomer,
  newReplica,
  partsOf,
  type Stored,
} from './history.ts';
import { must, took } from './timing.ts';

export const policy: Bench<'ops' | 'live' | 'signed' | 'policies' | 'runs'> = {
  name: 'policy',
  describe: 'the policy by itself: fold, verification, decide, registers',
  options: {
    ops: { describe: 'ops of the history that is folded', default: 200_000 },
    live: { describe: 'blocks of it that hold in the end', default: 1_000 },
    signed: { describe: 'ops that are verified', default: 10_000 },
    policies: { describe: 'policies that are decided on', default: 1_000 },
    runs: { describe: 'repetitions of what is quick', default: 50 },
  },
  async run(options, context) {
    const collect = collector();
    const heap = () => {
      collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return (heapUsed + arrayBuffers) / 1e6;
    };
    const few = foldTimes({ ops: options.signed, live: options.live }, heap, context);
    const fold = foldTimes(options, heap, context);
    const verification = verificationRates(options);
    context.tell('verification');
    const deciding = decideTimes(options.policies, options.runs);
    context.tell('decide');
    const registers = registerTimes();
    context.tell('registers');
    return report({ few, fold, verification, deciding, registers }, options);
  },
};

type Options = Parameters<typeof policy.run>[0];
/** What is in use after a collection, MB. */
type Heap = () => number;

function foldTimes({ ops, live }: Pick<Options, 'ops' | 'live'>, heap: Heap, { tell }: Context) {
  const stored = history(ops, live, false);
  tell(`a history of ${ops} ops`);
  const bytes = stored.reduce((sum, { envelope }) => sum + envelope.length, 0);
  const reading = took(() => {
    for (const { id, envelope } of stored) decodeStoredOp(envelope, id, crypto);
  });
  const before = heap();
  const replica = newReplica();
  const whole = took(() => {
    for (const { envelope } of stored) must(replica.restore(envelope).verdict, 'ok');
  });
  const after = heap();
  // One more member: what counts may have changed, so everything is folded anew.
  const again = took(() => admitMember(replica, newcomer.peer));
  const digest = took(() => replica.digest);
  const one = took(() => {
    for (let n = 0; n < 100; n++) {
      replica.author(members[0], '0a'.repeat(16), { at: 1, by: 'ada', over: [], add: [blockOf(n)] });
      must(replica.digest.length, 64);
    }
  });
  tell('fold');
  return {
    ops,
    envelope_bytes: Math.round(bytes / ops),
    restore_ms: round(whole.ms),
    read_only_ms: round(reading.ms),
    fold_only_ms: round(again.ms),
    // The bytes of the ops were there before: the history holds them.
    heap_mb: round(after - before),
    envelopes_mb: round(bytes / 1e6),
    first_digest_ms: round(digest.ms),
    author_and_digest_ms: round(one.ms / 100),
  };
}

/** Admission beside the bare signature check of the same ops, in turns of a tenth each. */
function verificationRates({ signed, live }: Options) {
  const stored = history(signed, live, true);
  const replica = newReplica();
  const prefix = utf8('hedgerow-op/1\0');
  const bare = stored.map(({ envelope }, n) => {
    const { body, sig } = partsOf(envelope);
    return { peer: members[n % members.length]?.peer ?? '', message: concat(prefix, body), sig };
  });
  const share = Math.ceil(signed / 10);
  const admit: number[] = [];
  const raw: number[] = [];
  for (let from = 0; from < signed; from += share) {
    const part: Stored[] = stored.slice(from, from + share);
    const checks = bare.slice(from, from + share);
    const rate = ({ ms }: { ms: number }) => (part.length / ms) * 1000;
    const admitting = took(() => {
      for (const { envelope } of part) must(replica.admit(envelope).verdict, 'ok');
    });
    const checking = took(() => {
      for (const one of checks) must(crypto.verify(one.peer, one.message, one.sig), true);
    });
    admit.push(rate(admitting));
    raw.push(rate(checking));
  }
  const [admitted, verified] = [figure(admit), figure(raw)];
  return {
    admit_per_s: Math.round(admitted.p50),
    verify_per_s: Math.round(verified.p50),
    ratio: round(admitted.p50 / verified.p50),
  };
}

interface Figures {
  readonly few: ReturnType<typeof foldTimes>;
  readonly fold: ReturnType<typeof foldTimes>;
  readonly verification: ReturnType<typeof verificationRates>;
  readonly deciding: Record<string, Figure>;
  readonly registers: ReturnType<typeof registerTimes>;
}

function report(figures: Figures, options: Options): Findings {
  const { few, fold, verification, deciding, registers } = figures;
  const both = (what: string, of: (one: typeof fold) => number) => [what, of(few), of(fold)];
  const tables: Table[] = [
    {
      title: `a history of ops of ${fold.envelope_bytes} bytes`,
      columns: ['what', `${few.ops} ops`, `${fold.ops} ops`],
      rows: [
        both('read from memory, checked by hash and folded, ms', (one) => one.restore_ms),
        both('of it read and checked by hash, ms', (one) => one.read_only_ms),
        both('fold alone (anew, when a member joins), ms', (one) => one.fold_only_ms),
        both('memory for it, MB', (one) => one.heap_mb),
        both('besides, the bytes of the ops themselves, MB', (one) => one.envelopes_mb),
        both('digest after that, ms', (one) => one.first_digest_ms),
        both('one more op of our own and its digest, ms', (one) => one.author_and_digest_ms),
      ],
    },
    {
      title: `${options.signed} ops from another router`,
      columns: ['what', 'measured'],
      rows: [
        ['admitted a second', verification.admit_per_s],
        ['bare ed25519 checks a second', verification.verify_per_s],
        ['ratio', verification.ratio],
      ],
    },
    {
      title: `one change among ${options.policies} policies of 50 devices, 4 + 4 addresses each, ms`,
      columns: ['what', ...FIGURE_COLUMNS],
      rows: Object.entries(deciding).map(([name, one]) => [name, ...cells(one)]),
    },
    {
      title: `${registers.count} registers of one router`,
      columns: ['what', 'measured'],
      rows: [
        ['written and signed a second', registers.written_per_s],
        ['admitted a second', registers.admitted_per_s],
        ['finding the last ten, ms', registers.last_ten_ms],
      ],
    },
  ];
  return {
    figures,
    tables,
    targets: [
      {
        what: `${fold.ops} ops folded anew`,
        want: '0.32 s (the model)',
        got: `${round(fold.fold_only_ms / 1000)} s`,
        met: fold.fold_only_ms <= 320,
      },
      {
        what: 'ops admitted a second',
        want: '≥ 7000',
        got: `${verification.admit_per_s}`,
        met: verification.admit_per_s >= 7000,
      },
    ],
  };
}
