/**
 * Two streams through two routers, in short turns: what arrives by the clock, and what a processor was busy with it. How fast copies are
 * made depends on where in memory a process happens to lie, so both are started anew each round; who else uses the machine changes from
 * one tenth of a second to the next, so turns of a round are shorter than that.
 */
import { LabError } from '../lab/error.ts';
import type { House } from '../lab/house-api.ts';
import { NET } from '../lab/topology.ts';
import { type Interval, interval, middle } from './interval.ts';

/** What sends, and what is counted of it where it leaves the router. */
export interface Stream {
  readonly device: string;
  readonly argv: readonly string[];
  readonly router: string;
  readonly unit: 'packets' | 'bytes';
  /** Who is sent to, at net; the command, and the TCP port that it listens on. */
  readonly server?: { readonly argv: readonly string[]; readonly port: number };
}

export interface Turns {
  /** Of the control: units a second, and a packet's processor time, ns. */
  readonly control: number;
  readonly packet_ns: number;
  /** Units a second, over the control. */
  readonly wall: Interval;
  /** Units a second of processor time of whoever sends and receives, over the control. */
  readonly processor: Interval;
  /** What a packet costs more than the control's, ns of processor time. */
  readonly more_ns: Interval;
  /** The ratios of each round. */
  readonly rounds: readonly Round[];
}

interface Round {
  readonly wall: number;
  readonly processor: number;
  readonly more_ns: number;
}

interface Turn {
  readonly rate: number;
  readonly perProcessor: number;
  readonly packetNs: number;
}

/** Turns of each stream in a round, and how long one goes on. */
export const [TURNS, TURN_S] = [8, 0.03];
/** Until a round's processes stand ready, and for each turn, with slow rules; milliseconds. */
const [ROUND_MS, TURN_MS] = [20_000, 2_000];
/** Between two looks whether all has arrived; it is also what real-time processes leave to others (sched(7): 5 % of each second). */
const REST_S = 0.005;

/**
 * So many rounds of a stream and the control, a command that measures before them.
 * @param first what the command is entered with
 * @throws LabError when nothing of one of them arrives
 */
export async function inTurns(
  house: House,
  { control, stream, first }: Readonly<Record<'control' | 'stream', Stream>> & { first: readonly string[] },
  rounds: number,
  signal: AbortSignal,
): Promise<Turns> {
  const said = await house.must(NET, [...first, 'bash', '-c', script([control, stream], rounds)], {
    timeoutMs: rounds * (ROUND_MS + 2 * TURNS * TURN_MS),
    signal,
  });
  const turns = said
    .trim()
    .split('\n')
    .map((line) => turnOf(line, control.unit));
  const controls = turns.filter((_, n) => n % 2 === 0);
  const own = turns.filter((_, n) => n % 2 === 1);
  // Through rules that take milliseconds for a packet nothing may come in one turn.
  if (own.length !== rounds * TURNS || controls.some(({ rate }) => !(rate > 0)))
    throw new LabError(`turns that say nothing: ${said}`);
  const pairs = controls.map((one, n) => pairOf(one, own[n] ?? one));
  const all = Array.from({ length: rounds }, (_, n) => middles(pairs.slice(n * TURNS, (n + 1) * TURNS)));
  const over = (of: keyof Round) => interval([all.map((round) => round[of])]);
  return {
    control: middle(controls.map(({ rate }) => rate)),
    packet_ns: middle(controls.map(({ packetNs }) => packetNs)),
    wall: over('wall'),
    processor: over('processor'),
    more_ns: over('more_ns'),
    rounds: all,
  };
}

/** Units and microseconds by the clock; then bytes, packets and nanoseconds of processor time until the last has arrived. */
function turnOf(line: string, unit: Stream['unit']): Turn {
  const [units = NaN, us = NaN, bytes = NaN, packets = NaN, ns = NaN] = line.split(' ').map(Number);
  return {
    rate: (units / us) * 1e6,
    perProcessor: ((unit === 'bytes' ? bytes : packets) / Math.max(1, ns)) * 1e9,
    packetNs: ns / Math.max(1, packets),
  };
}

const pairOf = (control: Turn, own: Turn): Round => ({
  wall: own.rate / control.rate,
  processor: own.perProcessor / control.perProcessor,
  more_ns: own.packetNs - control.packetNs,
});

const middles = (pairs: readonly Round[]): Round => ({
  wall: middle(pairs.map(({ wall }) => wall)),
  processor: middle(pairs.map(({ processor }) => processor)),
  more_ns: middle(pairs.map(({ more_ns }) => more_ns)),
});

/**
 * Of each round: both streams stand ready, stopped, and one at a time goes on, the control first and last in turns (ABBA); a line for each
 * turn, the control's first. The clock is read beside the counter, by the same shell. Processor time is the scheduler's own (schedstat), in
 * which what the kernel does for a packet on its way is its sender's, and what the host of a virtual machine took is not; it is exact while
 * the process rests. Senders are process groups of their own (bash's `set -m`).
 */
function script(streams: readonly [Stream, Stream], rounds: number): string {
  const statistics = ({ router }: Stream) => `/sys/class/net/leg-${router}/statistics`;
  const begin = (stream: Stream, n: number) => `begin${n}() {
  servers[${n}]=
${serve(stream, n)}
  look ${n}; local before=$packets
  ip netns exec ${stream.device} ${stream.argv.map(quoted).join(' ')} < /dev/null > /dev/null 2>&1 & senders[${n}]=$!
  for ((i = 0; i < 200; i++)); do
    look ${n}; ((packets - before > 10)) && break
    sleep 0.05
  done
  ((i < 200)) || { echo 'nothing arrives through ${stream.router}' >&2; exit 1; }
  sending[${n}]=$(pgrep -g \${senders[${n}]})
  kill -STOP -- -\${senders[${n}]}; settle ${n}
}`;
  return `set -m
counters=(${streams.map(statistics).join(' ')})
units=(${streams.map(({ unit }) => `rx_${unit}`).join(' ')})
senders=() servers=() sending=()
finish() {
  kill -KILL -- "\${senders[@]/#/-}" \${servers[@]/#/-} && wait
} 2> /dev/null
trap finish EXIT
look() {
  read -r bytes < \${counters[$1]}/rx_bytes
  read -r packets < \${counters[$1]}/rx_packets
}
spent() {
  local pid file one; ns=0
  for pid in \${sending[$1]} \${servers[$1]}; do
    for file in /proc/$pid/task/*/schedstat; do read -r one _ < $file && ((ns += one)); done
  done
}
stopped() {
  local pid line
  for pid in \${sending[$1]}; do
    read -r line < /proc/$pid/stat
    [[ $line == *') T '* ]] || return 1
  done
}
settle() {
  local before
  for ((i = 0; i < 1000; i++)); do
    look $1; before=$packets
    sleep ${REST_S}
    look $1; ((packets == before)) && stopped $1 && return
  done
}
turn() {
  local begun ended first last all
  look $1; spent $1; all=($bytes $packets $ns)
  begun=\${EPOCHREALTIME/./}; kill -CONT -- -\${senders[$1]}
  read -r first < \${counters[$1]}/\${units[$1]}
  sleep ${TURN_S}
  read -r last < \${counters[$1]}/\${units[$1]}; ended=\${EPOCHREALTIME/./}
  kill -STOP -- -\${senders[$1]}
  settle $1; spent $1
  said[$1]="$((last - first)) $((ended - begun)) $((bytes - all[0])) $((packets - all[1])) $((ns - all[2]))"
}
${streams.map(begin).join('\n')}
for ((round = 0; round < ${rounds}; round++)); do
  begin$((round & 1)); begin$((1 - (round & 1)))
  for ((at = 0; at < ${TURNS}; at++)); do
    turn $((at & 1)); turn $((1 - (at & 1)))
    printf '%s\\n' "\${said[@]}"
  done
  finish; senders=() servers=()
done`;
}

const serve = ({ server }: Stream, n: number): string =>
  server === undefined
    ? ''
    : `  ${server.argv.map(quoted).join(' ')} < /dev/null > /dev/null 2>&1 & servers[${n}]=$!
  for ((i = 0; i < 200; i++)); do
    [[ $(ss -Htln 'sport = :${server.port}') ]] && break
    sleep 0.02
  done`;

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
