import type { Exec } from '../exec.ts';
import { tryRun } from '../observe/try-run.ts';
import type { InterfaceTotal } from './slice.ts';

/** In the order in which they are read (sysfs-class-net-statistics). */
const FILES = ['rx_bytes', 'tx_bytes', 'rx_packets', 'tx_packets'];
const READ_MS = 5_000;

/** What interfaces counted by themselves since the last reading: beside the flows, so that what those miss can be seen. */
export class InterfaceTotals {
  readonly #exec: Exec;
  #before: ReadonlyMap<string, InterfaceTotal> = new Map();

  constructor(exec: Exec) {
    this.#exec = exec;
  }

  /**
   * The first reading of an interface is where counting begins. Counters that have become smaller began anew; an interface
   * that is not there is left out. Rejects only when the signal aborts.
   */
  async read(names: readonly string[], signal?: AbortSignal): Promise<InterfaceTotal[]> {
    const now = await readCounters(this.#exec, names, signal);
    const grown = [...now.values()].flatMap((total) => {
      const before = this.#before.get(total.name);
      const difference = before === undefined ? undefined : less(total, before);
      return difference === undefined ? [] : [difference];
    });
    this.#before = now;
    return grown;
  }
}

async function readCounters(
  exec: Exec,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Map<string, InterfaceTotal>> {
  const found = new Map<string, InterfaceTotal>();
  const argv = names.flatMap((name) => FILES.map((file) => `/sys/class/net/${name}/statistics/${file}`));
  if (argv.length === 0) return found;
  const { code, stdout } = await tryRun(exec, ['cat', ...argv], { timeoutMs: READ_MS, signal });
  const numbers = stdout.split('\n').filter((line) => line !== '');
  if (code !== 0 || numbers.length !== argv.length) {
    // One of them went away in between: each by itself, so that the others are read all the same.
    if (names.length === 1) return found;
    for (const name of names)
      for (const entry of await readCounters(exec, [name], signal)) found.set(...entry);
    return found;
  }
  for (const [i, name] of names.entries()) {
    const [receivedBytes, sentBytes, receivedPackets, sentPackets] = numbers
      .slice(i * FILES.length, (i + 1) * FILES.length)
      .map(Number);
    const total = { name, receivedBytes, sentBytes, receivedPackets, sentPackets };
    if (isTotal(total)) found.set(name, total);
  }
  return found;
}

function isTotal(
  total: { [field in keyof InterfaceTotal]: InterfaceTotal[field] | undefined },
): total is InterfaceTotal {
  const { name, ...numbers } = total;
  return name !== undefined && Object.values(numbers).every((number) => Number.isSafeInteger(number));
}

/** What was added; undefined when nothing was. */
function less(now: InterfaceTotal, before: InterfaceTotal): InterfaceTotal | undefined {
  const since = (field: Exclude<keyof InterfaceTotal, 'name'>) =>
    now[field] < before[field] ? now[field] : now[field] - before[field];
  const difference = {
    name: now.name,
    receivedBytes: since('receivedBytes'),
    sentBytes: since('sentBytes'),
    receivedPackets: since('receivedPackets'),
    sentPackets: since('sentPackets'),
  };
  return difference.receivedPackets + difference.sentPackets === 0 ? undefined : difference;
}
