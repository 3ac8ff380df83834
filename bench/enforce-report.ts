/** The tables of the bench `enforce`, and its targets. */
import type { EnforceAgent } from './enforce-agent.ts';
import type { EnforceMemory } from './enforce-memory.ts';
import type { EnforceRun } from './enforce-run.ts';
import { atMost, cells, FIGURE_COLUMNS, type Figure, type Findings, type Target } from './figures.ts';

type Timed = { readonly [K in keyof EnforceRun]: EnforceRun[K] extends Figure ? K : never }[keyof EnforceRun];

const CHANGES: readonly (readonly [Timed, string])[] = [
  ['added_alone', 'an address added, one pair beside it'],
  ['removed_alone', 'removed'],
  ['added', 'an address added, all pairs beside it'],
  ['removed', 'removed'],
  ['node_added', 'a remote of four and four addresses added'],
  ['node_removed', 'removed'],
  ['first', 'the first block of a device, with its MAC'],
  ['last_removed', 'its last unblock'],
  ['again', 'and a block again'],
];

const WHOLE: readonly (readonly [Timed, string])[] = [
  ['filled', 'into an empty kernel'],
  ['resync', 'resync: over one that holds it'],
  ['restored', 'restore of the plan file'],
  ['check', 'check'],
  ['counters_none', 'counters, nothing dropped'],
  ['counters_one', 'counters, one device dropped'],
  ['counters_all', 'counters, every device dropped'],
  ['cleared', 'clear'],
];

/** Work of `hedgerow restore` at boot, ms. */
const RESTORE_MS = 300;

export function report(
  runs: readonly EnforceRun[],
  memory: readonly EnforceMemory[],
  agents: readonly EnforceAgent[],
): Findings {
  const table = (title: string, what: typeof CHANGES) => ({
    title,
    columns: ['ms', ...FIGURE_COLUMNS],
    rows: runs.flatMap((run) => what.map(([key, name]) => [`${run.kind}: ${name}`, ...cells(run[key])])),
  });
  const pairs = runs[0]?.pairs ?? 0;
  return {
    figures: { runs, memory, agents },
    tables: [
      table(`one change through the backend, ${pairs} pairs of four and four addresses`, CHANGES),
      table(`${pairs} pairs as a whole`, WHOLE),
      {
        title: 'one change through an agent: until the kernel had it, and until the answer',
        columns: ['ms', ...FIGURE_COLUMNS],
        rows: agents.flatMap(({ backend, detail, series }) =>
          series.flatMap(({ name, kernel, answer }) => [
            [`${name}, kernel (${detail || backend})`, ...cells(kernel)],
            [`${name}, answer`, ...cells(answer)],
          ]),
        ),
      },
      {
        title: `memory of the kernel for ${memory[0]?.pairs ?? 0} pairs of four and four addresses`,
        columns: [
          'backend',
          'elements',
          'told by ipset, MB',
          'kernel grew by, MB',
          'bytes an element',
          'plan file, MB',
        ],
        rows: memory.map(({ kind, elements, told, grown }, n) => [
          kind,
          elements,
          told === undefined ? '' : megabytes(told),
          megabytes(grown.p50),
          Math.round(grown.p50 / elements),
          megabytes(runs[n]?.plan_bytes ?? 0),
        ]),
      },
    ],
    targets: targets(runs, agents),
  };
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

function targets(runs: readonly EnforceRun[], agents: readonly EnforceAgent[]): Target[] {
  return [
    ...runs.map(({ kind, restored }) => atMost(`${kind}: restore, p50`, restored.p50, RESTORE_MS, 'ms')),
    ...agents.flatMap(({ backend, series }) =>
      series
        .filter(({ name }) => !name.includes('unblock'))
        .flatMap(({ name, kernel }) => [
          atMost(`${backend}: ${name}, this kernel, p50`, kernel.p50, 5, 'ms'),
          atMost(`${backend}: ${name}, this kernel, p99`, kernel.p99, 30, 'ms'),
        ]),
    ),
  ];
}
