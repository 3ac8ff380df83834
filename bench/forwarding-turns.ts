/** Two streams through two routers in turns of a quarter of a second, so that what else the machine does hits both alike. */
import { LabError } from '../lab/error.ts';
import type { House } from '../lab/house-api.ts';
import { NET } from '../lab/topology.ts';

/** What sends, and what is counted of it where it leaves the router. */
export interface Stream {
  readonly device: string;
  readonly argv: readonly string[];
  readonly router: string;
  readonly unit: 'packets' | 'bytes';
}

/** Units a second. */
export interface Turns {
  readonly control: number;
  readonly rate: number;
  /** The median of the ratios of each turn to the two of the control around it. */
  readonly ratio: number;
  readonly ratios: readonly number[];
}

/** After a stream goes on, before it is counted. */
const LEAD_S = 0.05;
const COUNTED_S = 0.25;
/** The kernel lets real-time processes have 95 % of a core in each second (sched(7)), and takes the rest at once. */
const REST_S = 0.04;
const TURN_MS = Math.ceil((LEAD_S + COUNTED_S + REST_S) * 1000);
const START_MS = 20_000;

/**
 * So many turns of a stream between one more of the control.
 * @throws LabError when nothing of one of them arrives
 */
export async function inTurns(
  house: House,
  control: Stream,
  stream: Stream,
  turns: number,
  signal: AbortSignal,
): Promise<Turns> {
  const said = await house.must(NET, ['bash', '-c', script([control, stream], turns)], {
    timeoutMs: START_MS + (2 * turns + 3) * TURN_MS * 3,
    signal,
  });
  const rates = said.trim().split('\n').map(Number);
  const controls = rates.filter((_, n) => n % 2 === 0);
  // Through rules that take milliseconds for a packet nothing may come in one turn.
  if (rates.length !== 2 * turns + 1 || !rates.every((rate) => rate >= 0) || controls.includes(0))
    throw new LabError(`turns that say nothing: ${said}`);
  const own = rates.filter((_, n) => n % 2 === 1);
  const ratios = own.map((rate, n) => (2 * rate) / ((controls[n] ?? 0) + (controls[n + 1] ?? 0)));
  return { control: middle(controls), rate: middle(own), ratio: middle(ratios), ratios };
}

/** The median, not rounded: what counts are hundredths. */
function middle(values: readonly number[]): number {
  const sorted = values.toSorted((x, y) => x - y);
  const at = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(at)] ?? 0) + (sorted[Math.ceil(at)] ?? 0)) / 2;
}

/**
 * Both streams stand ready, stopped, and one at a time goes on, as a real-time process leaves its core to nobody; the first turn
 * of each does not count. What is still queued when one stops is waited for:
 * slow rules leave seconds of it. The clock is read beside the counter, by the same shell. Each is a process group of its own (bash's `set -m`).
 */
function script(streams: readonly [Stream, Stream], turns: number): string {
  const counter = ({ router, unit }: Stream) => `/sys/class/net/leg-${router}/statistics/rx_${unit}`;
  const begin = (stream: Stream, n: number) => `read -r first < \${counters[${n}]}
ip netns exec ${stream.device} ${stream.argv.map(quoted).join(' ')} < /dev/null > /dev/null 2>&1 & pids[${n}]=$!
for ((i = 0; i < 200; i++)); do
  read -r now < \${counters[${n}]}
  ((now - first > 10)) && break
  sleep 0.05
done
((i < 200)) || { echo 'nothing arrives through ${stream.router}' >&2; exit 1; }
kill -STOP -- -\${pids[${n}]}`;
  return `set -m
counters=(${streams.map(counter).join(' ')})
trap 'kill -KILL -- "\${pids[@]/#/-}" 2>/dev/null' EXIT
${streams.map(begin).join('\n')}
for ((turn = -2; turn < ${2 * turns + 1}; turn++)); do
  n=$((turn & 1))
  kill -CONT -- -\${pids[n]}
  sleep ${LEAD_S}
  read -r before < \${counters[n]}; begun=\${EPOCHREALTIME/./}
  sleep ${COUNTED_S}
  read -r after < \${counters[n]}; ended=\${EPOCHREALTIME/./}
  kill -STOP -- -\${pids[n]}
  ((turn < 0)) || echo $(((after - before) * 1000000 / (ended - begun)))
  for ((i = 0; i < 50; i++)); do
    read -r before < \${counters[n]}
    sleep ${REST_S}
    read -r after < \${counters[n]}
    ((after == before)) && break
  done
done`;
}

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
