import { existsSync } from 'node:fs';
import { type Clock, repeat } from '../clock.ts';
import type { Service } from '../service.ts';
import type { Exec } from './exec.ts';

export interface Trust {
  readonly trusted: boolean;
  /** In words, for people. */
  readonly why: string;
}

interface PeerClock {
  readonly offsetMs: number;
  readonly trusted: boolean;
}

export interface ClockTrustOptions {
  readonly clock: Clock;
  readonly exec: Exec;
  /** `clock.trusted` of the configuration. */
  readonly mode: 'auto' | 'always' | 'never';
  /** Unix milliseconds: a clock before this is wrong. {@link buildDate} by default. */
  readonly builtAt?: number;
  /** How far the wall clocks of the members that are alive are ahead of ours, milliseconds, and whether they trust them. */
  readonly peerClocks: () => readonly PeerClock[];
  /** Told whenever trust is won or lost. */
  readonly onChange: (trust: Trust) => void;
  /** Whether a file is there; for tests. */
  readonly exists?: (path: string) => boolean;
}

/** Put in place by the build, Unix milliseconds. */
declare const HEDGEROW_BUILT_AT: number | undefined;

/** When this program was built; run from its sources it only knows that it is not older than 2025. */
export const buildDate = typeof HEDGEROW_BUILT_AT === 'undefined' ? Date.UTC(2025, 0, 1) : HEDGEROW_BUILT_AT;

const EVERY_MS = 60_000;
const PROBE_MS = 3_000;
/** Members whose clocks differ by less agree. */
const AGREE_MS = 5 * 60_000;
/** Made by systemd-timesyncd(8) when it has set the clock since boot. */
const TIMESYNC_FILE = '/run/systemd/timesync/synchronized';

/** What a tool said: undefined when it says nothing of use. */
type Answer = boolean | undefined;

/** The tools that know whether the kernel's clock follows a server, and how each of them says so. */
const TOOLS: readonly { argv: readonly string[]; name: string; read: (stdout: string) => Answer }[] = [
  {
    argv: ['timedatectl', 'show', '-p', 'NTPSynchronized', '--value'],
    name: 'timedatectl',
    read: readTimedatectl,
  },
  { argv: ['chronyc', '-c', 'tracking'], name: 'chrony', read: readChrony },
  { argv: ['busybox', 'adjtimex'], name: 'the kernel', read: readAdjtimex },
];

/**
 * Whether this router's own wall clock can be believed (policy.md, Time). Asked of the system at the start and every
 * minute, and again when the clock has jumped; not trusted before the first answer.
 */
export class ClockTrust implements Service {
  readonly name = 'clock-trust';
  readonly #options: ClockTrustOptions;
  readonly #stopper = new AbortController();
  #trust: Trust;
  #running: Promise<void> | undefined;
  #probing: Promise<void> | undefined;
  /** Grows with every jump: an answer from before one says nothing. */
  #jumps = 0;
  /** What the system said last; undefined before the first answer and after a jump. */
  #answer: { readonly synchronised: string | undefined } | undefined;

  constructor(options: ClockTrustOptions) {
    this.#options = options;
    this.#trust = {
      trusted: options.mode === 'always',
      why: options.mode === 'auto' ? 'the system has not been asked yet' : byConfig(options.mode),
    };
  }

  get state(): Trust {
    return this.#trust;
  }

  get trusted(): boolean {
    return this.#trust.trusted;
  }

  async start(signal: AbortSignal): Promise<void> {
    if (this.#options.mode !== 'auto') return;
    const { clock } = this.#options;
    this.#running = repeat((inner) => this.#look(inner), {
      clock,
      signal: AbortSignal.any([signal, this.#stopper.signal]),
      everyMs: EVERY_MS,
    });
  }

  async stop(): Promise<void> {
    this.#stopper.abort();
    await this.#running;
    await this.#probing;
  }

  /** Judged by what the system said last and what the other routers say at this moment. */
  now(): Trust {
    this.noticed();
    return this.#trust;
  }

  /** Other routers came or went: what they say of our clock may have changed. */
  noticed(): void {
    if (this.#answer !== undefined) this.#set(this.#judge(this.#answer.synchronised));
  }

  /** The wall clock jumped: it is not trusted until the system has been asked again. */
  jumped(): void {
    if (this.#options.mode !== 'auto') return;
    this.#jumps += 1;
    this.#answer = undefined;
    this.#set({ trusted: false, why: 'the clock has just jumped' });
    const before = this.#probing ?? Promise.resolve();
    const { signal } = this.#stopper;
    const probing = before.then(() => (signal.aborted ? undefined : this.#look(signal)));
    // What goes wrong here is asked again within the minute.
    this.#probing = probing.catch(() => undefined);
  }

  async #look(signal: AbortSignal): Promise<void> {
    const jumps = this.#jumps;
    const synchronised = await this.#synchronised(signal);
    if (jumps !== this.#jumps || signal.aborted) return;
    this.#answer = { synchronised };
    this.#set(this.#judge(synchronised));
  }

  #judge(synchronised: string | undefined): Trust {
    const { clock, builtAt = buildDate, peerClocks } = this.#options;
    if (clock.now() < builtAt) {
      const built = new Date(builtAt).toISOString().slice(0, 10);
      return { trusted: false, why: `the clock is before ${built}, when this program was built` };
    }
    if (synchronised !== undefined)
      return { trusted: true, why: `${synchronised} says that it is synchronised` };
    // One that is before the build is wrong for sure, as after a battery died: it says nothing about ours.
    return byPeers(peerClocks().filter(({ offsetMs }) => clock.now() + offsetMs >= builtAt));
  }

  /** Who says that the clock is synchronised; undefined when nobody does. */
  async #synchronised(signal: AbortSignal): Promise<string | undefined> {
    const { exec, exists = existsSync } = this.#options;
    if (exists(TIMESYNC_FILE)) return 'systemd-timesyncd';
    for (const { argv, name, read } of TOOLS) {
      try {
        const { code, stdout } = await exec.run(argv, { timeoutMs: PROBE_MS, signal });
        if (code >= 0 && read(stdout) === true) return name;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Error && error.name === 'UnavailableError')) throw error;
      }
    }
    return undefined;
  }

  #set(trust: Trust): void {
    const changed = trust.trusted !== this.#trust.trusted;
    this.#trust = trust;
    if (changed) this.#options.onChange(trust);
  }
}

/**
 * Most of the routers agree: of three, two that do are most, and one that is wrong paralyses nobody. But where a router that trusts
 * its clock is among those that differ, most of the *others* have to agree: it may be the only one that has reached a time server,
 * and ours and the next may be wrong alike, as after a power cut (docs/adr/0029).
 */
function byPeers(peers: readonly PeerClock[]): Trust {
  if (peers.length === 0)
    return { trusted: false, why: 'it is not synchronised, and no other router can be asked' };
  const agrees = ({ offsetMs }: PeerClock) => Math.abs(offsetMs) <= AGREE_MS;
  const agreeing = peers.filter(agrees).length;
  const ofOthers = `${agreeing} of ${peers.length} other routers agree with it`;
  if (agreeing * 2 > peers.length) return { trusted: true, why: ofOthers };
  const isMostWithOurs = (agreeing + 1) * 2 > peers.length + 1;
  const vouched = peers.some((peer) => peer.trusted && !agrees(peer));
  if (isMostWithOurs && !vouched)
    return { trusted: true, why: `${ofOthers}, and none that differs trusts its own` };
  const veto = isMostWithOurs ? ', and one that differs trusts its own' : '';
  return { trusted: false, why: `it is not synchronised, and only ${ofOthers}${veto}` };
}

function byConfig(mode: 'always' | 'never'): string {
  return `the configuration says ${mode} (clock.trusted)`;
}

/** `yes` or `no` (timedatectl(1)). */
export function readTimedatectl(stdout: string): Answer {
  const word = stdout.trim();
  return word === 'yes' ? true : word === 'no' ? false : undefined;
}

/**
 * One line of values with commas; the first is the reference's id, the last the leap status (chronyc(1), tracking). 7F7F01xx is
 * the machine's own clock, which is no reference.
 */
export function readChrony(stdout: string): Answer {
  const fields = stdout.trim().split(',');
  if (fields.length < 10) return undefined;
  const leap = fields.at(-1) ?? '';
  return /^(Normal|Insert second|Delete second)$/.test(leap) && !/^7F7F01/i.test(fields[0] ?? '');
}

/** The return value of adjtimex(2): 5 is TIME_ERROR, the clock is not synchronised. */
export function readAdjtimex(stdout: string): Answer {
  const value = /return value:\s+(\d)\b/.exec(stdout)?.[1];
  return value === undefined ? undefined : Number(value) < 5;
}
