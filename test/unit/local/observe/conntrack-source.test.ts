import { expect, test } from 'vitest';
import type { ConntrackEntry } from '../../../../src/local/observe/conntrack.ts';
import { ConntrackSource, type EntrySink } from '../../../../src/local/observe/conntrack-source.ts';
import { silentLog } from '../../../../src/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { fixture, fixtureLines } from './fixture.ts';
import { ScriptedExec, settle } from './scripted-exec.ts';

const signal = new AbortController().signal;
const log = silentLog;

class Sink implements EntrySink {
  readonly counters = {};
  readonly size = 0;
  readonly told: string[] = [];
  begin(): void {
    this.told.push('begin');
  }
  note(entry: ConntrackEntry): number {
    this.told.push(`${entry.protocol} ${entry.original.src}`);
    return -1;
  }
  again(): boolean {
    return false;
  }
  end(families: ReadonlySet<4 | 6>): void {
    this.told.push(`end ${[...families].join(' ')}`);
  }
  began({ id, original }: ConntrackEntry): void {
    this.told.push(`began ${id} ${original.counts?.bytes}`);
  }
  ended({ id, original }: ConntrackEntry): void {
    this.told.push(`ended ${id} ${original.counts?.bytes}`);
  }
}

const LISTED = fixture('conntrack/L2-extended-id.txt');
const [NEW = '', , , , , , , DESTROY = ''] = fixtureLines('conntrack/E2-timestamp-id-extended.txt');
const [ACCT, TIMESTAMP, EVENTS] = ['acct', 'timestamp', 'events'].map(
  (name) => `net.netfilter.nf_conntrack_${name}`,
) as [string, string, string];

type Answer = { code?: number; stdout?: string; stderr?: string } | 'missing' | undefined;

/** A kernel's settings, and whatever else answers. */
function kernel(others: (command: string) => Answer, settings: Map<string, string>) {
  return (command: string): Answer => {
    const read = /^sysctl -n (\S+)$/.exec(command);
    if (read !== null) {
      const value = settings.get(read[1] ?? '');
      return value === undefined ? undefined : { stdout: `${value}\n` };
    }
    const write = /^sysctl -w (\S+)=(\S+)$/.exec(command);
    if (write !== null) {
      if (!settings.has(write[1] ?? '')) return undefined;
      settings.set(write[1] ?? '', write[2] ?? '');
      return {};
    }
    return others(command);
  };
}

const ready = () =>
  new Map([
    [ACCT, '1'],
    [TIMESTAMP, '1'],
    [EVENTS, '1'],
  ]);

function conntrack(exec: ScriptedExec, { track = false } = {}) {
  const clock = new FakeClock();
  const sink = new Sink();
  return { clock, sink, source: new ConntrackSource({ exec, clock, log, pollMs: 2_000, track, sink }) };
}

/** Events gather for a moment. */
async function heard(clock: FakeClock): Promise<void> {
  await settle();
  await clock.advance(20);
}

const listing = (command: string): Answer =>
  command.startsWith('conntrack -L') ? { stdout: command.endsWith('ipv6') ? '' : LISTED } : undefined;

test('both families in one reading; the settings that count are set, and put back', async () => {
  const settings = new Map([
    [ACCT, '0'],
    [TIMESTAMP, '1'],
    [EVENTS, '2'],
  ]);
  const exec = new ScriptedExec(kernel(listing, settings));
  const { clock, sink, source } = conntrack(exec);
  await source.start(signal);
  await settle();
  expect(sink.told).toEqual([
    'begin',
    '17 192.168.77.11',
    '6 192.168.77.11',
    '58 fd77::11',
    '1 192.168.77.11',
    'end 4 6',
  ]);
  expect(exec.calls.filter((command) => command.endsWith('-f ipv6'))).toEqual([]);
  expect(Object.fromEntries(settings)).toEqual({ [ACCT]: '1', [TIMESTAMP]: '1', [EVENTS]: '1' });
  expect([source.tracking, source.why]).toEqual([true, undefined]);
  const { length } = exec.calls;
  await clock.advance(5_000);
  expect(exec.calls.slice(length).every((command) => command.startsWith('conntrack'))).toBe(true);
  await source.stop();
  expect(Object.fromEntries(settings)).toEqual({ [ACCT]: '0', [TIMESTAMP]: '1', [EVENTS]: '2' });
  expect(exec.children.size).toBe(0);
});

test('where the first command shows IPv4 alone, IPv6 is asked for by itself', async () => {
  const [only4, only6] = [false, true].map((six) =>
    LISTED.split('\n')
      .filter((line) => line.startsWith('ipv6') === six)
      .join('\n'),
  );
  const answers = (command: string): Answer =>
    command.startsWith('conntrack -L')
      ? { stdout: (command.endsWith('ipv6') ? only6 : only4) ?? '' }
      : undefined;
  const exec = new ScriptedExec(kernel(answers, ready()));
  const { sink, source } = conntrack(exec);
  await source.start(signal);
  await settle();
  expect(sink.told.filter((word) => word.startsWith('end'))).toEqual(['end 4', 'end 6']);
  expect(sink.told).toContain('58 fd77::11');
  await source.stop();
});

test('events begin before the first reading, wait for its end, and are told as they come after it', async () => {
  const exec = new ScriptedExec(
    kernel((command) => (command.startsWith('conntrack -L') ? {} : undefined), ready()),
  );
  const { clock, sink, source } = conntrack(exec);
  await source.start(signal);
  const calls = () => exec.calls.filter((command) => command.startsWith('conntrack'));
  while (calls().length === 0) await new Promise<void>((resolve) => setImmediate(resolve));
  expect(calls()[0]).toBe('conntrack -E -o id -e NEW,DESTROY');
  const events = exec.child('conntrack -E');
  events.stdout.write(`${NEW}\n${DESTROY}\n`);
  await heard(clock);
  expect(sink.told).toEqual(['begin', 'end 4', 'end 6', 'began 3935375463 0', 'ended 131579099 60']);
  events.stdout.write(`${NEW}\nnonsense\n`);
  await heard(clock);
  expect(sink.told.at(-1)).toBe('began 3935375463 0');
  expect(source.health()).toMatchObject({ running: true, counters: { events: 3, eventsIgnored: 1 } });
  await source.stop();
});

test('where the kernel does not count, a begin has no counters', async () => {
  const settings = ready();
  settings.delete(ACCT);
  const exec = new ScriptedExec(kernel(listing, settings));
  const { clock, sink, source } = conntrack(exec);
  await source.start(signal);
  await settle();
  exec.child('conntrack -E').stdout.write(`${NEW}\n`);
  await heard(clock);
  expect(sink.told.at(-1)).toBe('began 3935375463 undefined');
  expect(source.why).toContain(`could not set ${ACCT}`);
  await source.stop();
});

test('events that end are begun again; a half line is forgotten', async () => {
  const exec = new ScriptedExec(kernel(listing, ready()));
  const { clock, sink, source } = conntrack(exec);
  await source.start(signal);
  await settle();
  exec.child('conntrack -E').stdout.write(NEW.slice(0, 60));
  exec.child('conntrack -E').stderr.write('conntrack v1.4.2: Operation failed: No buffer space available\n');
  await heard(clock);
  exec.child('conntrack -E').exit(1);
  await settle();
  await clock.advance(1_500);
  exec.child('conntrack -E').stdout.write(`${DESTROY}\n`);
  await heard(clock);
  expect(sink.told.at(-1)).toBe('ended 131579099 60');
  expect(source.health()).toMatchObject({ restarts: 1, counters: { overruns: 1, eventsIgnored: 0 } });
  expect(source.why).toBeUndefined();
  await source.stop();
});

test('where very many begin, only their ends are heard for a while, in order, and nothing counts as a restart', async () => {
  const exec = new ScriptedExec(kernel(listing, ready()));
  const { clock, sink, source } = conntrack(exec);
  await source.start(signal);
  await settle();
  const listeners = () => [...exec.children].map(({ argv }) => argv.join(' '));
  const begins = async (count: number) => {
    exec.child('conntrack -E').stdout.write(`${NEW}\n`.repeat(count));
    await heard(clock);
    await settle();
  };
  await begins(499);
  await clock.advance(1_000);
  await begins(499);
  expect(listeners()).toEqual(['conntrack -E -o id -e NEW,DESTROY']);
  const first = exec.child('conntrack -E');
  await begins(1);
  expect(listeners()).toEqual(['conntrack -E -o id -e DESTROY']);
  expect(sink.told.filter((told) => told.startsWith('began'))).toHaveLength(999);
  sink.told.length = 0;
  expect(exec.children.has(first)).toBe(false);
  exec.child('conntrack -E').stdout.write(`${DESTROY}\n`);
  await heard(clock);
  expect(sink.told).toEqual(['ended 131579099 60']);
  expect(source.health()).toMatchObject({ restarts: 0, counters: { beginsLeft: 1, eventsIgnored: 0 } });
  expect(source.why).toBeUndefined();
  const { readings = 0 } = source.health().counters;
  const after = async (more: number) => {
    while ((source.health().counters.readings ?? 0) < readings + more) await clock.advance(100);
    await settle();
  };
  await after(14);
  expect(listeners()).toEqual(['conntrack -E -o id -e DESTROY']);
  await after(15);
  expect(listeners()).toEqual(['conntrack -E -o id -e NEW,DESTROY']);
  await begins(1);
  expect(sink.told.at(-1)).toBe('began 3935375463 0');
  await source.stop();
  expect(exec.children.size).toBe(0);
});

test('what the kernel dropped is read after an overrun, from the sockets of the child', async () => {
  let drops = 7;
  const table = () =>
    `sk       Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
0000 12  3815401784 00000005 0        0        0     2        ${drops}       8356143 
0000 12  21537      00000000 0        0        0     2        0        8356142 
0000 12  99         00000005 0        0        0     2        500      4444444 
`;
  const exec = new ScriptedExec(
    kernel((command) => {
      if (command === 'ls -l /proc/4711/fd')
        return {
          stdout: `lr-x------ 1 root root 64 Nov 21 09:59 0 -> pipe:[1]
lrwx------ 1 root root 64 Nov 21 09:59 3 -> socket:[8356143]
lrwx------ 1 root root 64 Nov 21 09:59 4 -> socket:[8356142]
`,
        };
      return command === 'cat /proc/4711/net/netlink' ? { stdout: table() } : listing(command);
    }, ready()),
  );
  const { clock, source } = conntrack(exec);
  await source.start(signal);
  await settle();
  expect(source.health().counters.eventsLost).toBe(7);
  drops = 19;
  await clock.advance(5_000);
  expect(source.health().counters.eventsLost).toBe(7);
  exec.child('conntrack -E').stderr.write('WARNING: We have hit ENOBUFS! We are losing events.\n');
  await clock.advance(16_000);
  expect(source.health().counters).toMatchObject({ eventsLost: 19, overruns: 1 });
  await source.stop();
});

test('a kernel that tells no events is read all the same, and says so', async () => {
  const exec = new ScriptedExec(kernel(listing, ready()));
  const { clock, sink, source } = conntrack(exec);
  await source.start(signal);
  await settle();
  exec.child('conntrack -E').stderr.write('conntrack v1.4.7: Operation failed: not supported\n');
  await settle();
  exec.child('conntrack -E').exit(1);
  await settle();
  expect(source.why).toContain('only read every few seconds: conntrack v1.4.7: Operation failed');
  sink.told.length = 0;
  await clock.advance(2_300);
  expect(sink.told).toContain('17 192.168.77.11');
  expect(source.health().running).toBe(true);
  await source.stop();
});

test('half a reading ends nothing', async () => {
  let code = 0;
  const exec = new ScriptedExec((command) =>
    command.startsWith('conntrack -L') ? { code, stdout: LISTED } : undefined,
  );
  const { clock, sink, source } = conntrack(exec);
  await source.start(signal);
  await settle();
  sink.told.length = 0;
  code = 1;
  await clock.advance(2_500);
  expect(sink.told.filter((told) => told.startsWith('end'))).toEqual([]);
  expect(source.health()).toMatchObject({ running: false, counters: { failures: 1 } });
  code = 0;
  await clock.advance(30_000);
  expect(source.health().running).toBe(true);
  await source.stop();
});

test('without the tool, the kernel’s own file, without events; without entries, the reason', async () => {
  let text = '';
  const exec = new ScriptedExec((command) =>
    command === 'cat /proc/net/nf_conntrack'
      ? { stdout: text }
      : command.startsWith('conntrack -L')
        ? { code: 1 }
        : undefined,
  );
  const { clock, sink, source } = conntrack(exec);
  await source.start(signal);
  await settle();
  exec.child('conntrack -E').stdout.write(`${NEW}\n${DESTROY}\n`);
  await clock.advance(10_000);
  expect(source.health().name).toBe('conntrack (/proc)');
  expect(source.tracking).toBe(false);
  expect(source.why).toContain('tracks only where');
  expect(exec.children.size).toBe(0);
  text = fixture('conntrack/proc2-net-nf_conntrack.txt');
  await clock.advance(10_000);
  expect(sink.told).toContain('58 fd77::11');
  expect(sink.told.some((told) => told.includes('gan') || told.includes('ended'))).toBe(false);
  expect(source.tracking).toBe(true);
  expect(source.why).toContain(`could not set ${ACCT}`);
  await source.stop();
});

test('a machine without sysctl is read all the same', async () => {
  const exec = new ScriptedExec((command) => (command.startsWith('sysctl') ? 'missing' : listing(command)));
  const { source } = conntrack(exec);
  await source.start(signal);
  await settle();
  expect(source.tracking).toBe(true);
  expect(source.why).toContain('could not set');
  await source.stop();
});

test('both families are tracked, by our rule as well, as long as the agent runs', async () => {
  const tables = new Set<string>();
  const answer = kernel((command) => {
    if (command.startsWith('nft list')) return { code: tables.has(command) ? 0 : 1 };
    return command.startsWith('nft') ? {} : listing(command);
  }, ready());
  const exec = new ScriptedExec(answer);
  const { source } = conntrack(exec, { track: true });
  await source.start(signal);
  await settle();
  // Also where there are entries: they may be from before the rule was gone that made the kernel track.
  expect(source.trackedByRule).toEqual(['IPv4 (nft)', 'IPv6 (nft)']);
  await source.stop();
  const untouched = new ScriptedExec(answer);
  const without = conntrack(untouched);
  await without.source.start(signal);
  await settle();
  expect(without.source.trackedByRule).toEqual([]);
  await without.source.stop();
  const idle = new ScriptedExec(
    kernel((command) => (command.startsWith('conntrack -L') ? {} : answer(command)), ready()),
  );
  const other = conntrack(idle, { track: true });
  await other.source.start(signal);
  await settle();
  expect(other.source.trackedByRule).toEqual(['IPv4 (nft)', 'IPv6 (nft)']);
  expect(other.source.why).toBe('the kernel has shown no connection yet; it was asked to track them');
  await other.source.stop();
  expect(idle.calls.slice(-2)).toEqual([
    'nft delete table ip hedgerow_track',
    'nft delete table ip6 hedgerow_track',
  ]);
});
