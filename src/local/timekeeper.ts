import type { BootTime, Clock, Timer } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { RecordId } from '../policy/block-set.ts';
import type { Live } from '../policy/contents.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { Record } from '../policy/records.ts';
import { type Force, forceOf, isTimed, lasting } from '../policy/terms.ts';
import type { Service } from '../service.ts';
import { MAX_COUNTS, readCounts, type SavedCount, secondsSince, writeCounts } from './time-counts.ts';

export interface TimekeeperOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The records that hold, of any kind. */
  readonly live: () => Iterable<Live>;
  readonly trust: {
    readonly trusted: boolean;
    /** The wall clock jumped: whether it is trusted must be found out anew. */
    jumped(): void;
  };
  /** What {@link TimekeeperOptions.save} was given last; undefined for nothing. */
  readonly load: () => string | undefined;
  readonly save: (text: string) => void;
  /** Something began or ended being in force. */
  readonly onChange: () => void;
  /** These records have ended for good: an op should say so. Asked again after ten minutes while they are live. */
  readonly retire: (ids: readonly RecordId[], why: string) => void;
  readonly self: PeerKey;
  /** Where the machine tells it, the time goes on while the agent does not run. Default: it does not tell. */
  readonly bootTime?: BootTime;
}

type Timed = Live<Extract<Record, { kind: 'block' | 'allow' }>>;

/** The count of one record. Seconds count from the moment at which this router first saw it, leaving out what it was off. */
interface Count {
  readonly live: Timed;
  /** Monotonic milliseconds at which the count was, or would have been, 0. */
  readonly zero: number;
  window: number | undefined;
  endedS: number | undefined;
  /** Monotonic milliseconds of the last time that its retirement was asked for. */
  asked: number | undefined;
  force: Force;
  /** When to look again, by either clock, milliseconds. */
  dueMono: number;
  dueWall: number;
}

const TICK_MS = 60_000;
const SAVE_MS = 60_000;
/** What is counted for the first time is saved so soon after the last save: else a crash would begin it anew. */
const SAVE_NEW_MS = 2_000;
/** Wall and monotonic clock drift apart by less in a tick, whatever NTP slews. */
const JUMP_MS = 2_000;
const RETRY_MS = 10 * 60_000;
/** So long others leave it to the author to retire what has ended, seconds. */
const DAY_S = 24 * 3600;
/** And so much longer, each for another time, or all would write the same op at once. */
const SPREAD_S = 1_800;

/**
 * Knows which timed records are in force on this router: counts for how long it has seen each, over restarts, and wakes
 * up when one begins or ends (policy.md, Time). A restart of the agent loses nothing of the count; what a power cut loses makes
 * a block last longer, never shorter.
 */
export class Timekeeper implements Service {
  readonly name = 'timekeeper';
  readonly #options: TimekeeperOptions;
  readonly #counts = new Map<RecordId, Count>();
  #saved = new Map<RecordId, SavedCount>();
  #timer: Timer | undefined;
  #running = false;
  #trusted = false;
  /** Wall minus monotonic at the last look, milliseconds. */
  #offset = 0;
  #savedAt = 0;
  /** Something is counted of which nothing is saved. */
  #unsaved = false;
  /** Seconds for which no agent ran before this one; undefined when nobody can tell. */
  #offS: number | undefined;
  #dropped = 0;

  constructor(options: TimekeeperOptions) {
    this.#options = options;
  }

  /** Timed records that are not counted because there are too many: of those, blocks stay and allows do not hold. */
  get dropped(): number {
    return this.#dropped;
  }

  async start(): Promise<void> {
    const { clock, load, log } = this.#options;
    try {
      const text = load() ?? '';
      this.#saved = readCounts(text);
      this.#offS = secondsSince(text, this.#options.bootTime?.());
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'the counts of timed policies cannot be read: counting anew');
    }
    // Whoever asked before this was answered without the counts of the run before.
    this.#counts.clear();
    this.#running = true;
    this.#savedAt = clock.monotonic();
    this.#offset = clock.now() - clock.monotonic();
    this.noticed();
    this.#saved.clear();
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#timer?.clear();
    this.#save();
  }

  /** The policy or the trust in the clock changed: what is new is seen from now on, what is gone is forgotten. */
  noticed(): void {
    const now = new Map([...this.#options.live()].filter(timed).map((live) => [live.id, live]));
    for (const id of this.#counts.keys()) if (!now.has(id)) this.#counts.delete(id);
    for (const live of now.values()) this.#countOf(live);
    this.#dropped = now.size - this.#counts.size;
    this.#look();
  }

  /** Whether a record is in force, as it was when last looked at; cheap. */
  inForce(live: Live): boolean {
    if (!timed(live)) return true;
    return this.#countOf(live)?.force.inForce ?? live.record.kind === 'block';
  }

  /** How it stands with a record at this moment, for views. */
  force(live: Live): Force {
    if (!timed(live)) return lasting;
    const count = this.#countOf(live);
    if (count !== undefined) return this.#forceNow(count);
    return { ...lasting, inForce: live.record.kind === 'block', why: { kind: 'untrusted' } };
  }

  /** Undefined beyond the cap. */
  #countOf(live: Timed): Count | undefined {
    const known = this.#counts.get(live.id);
    if (known !== undefined || this.#counts.size >= MAX_COUNTS) return known;
    const saved = this.#saved.get(live.id);
    // The newest minute may not have been saved: a block lasts longer for it, an allow must not.
    const allowed = saved !== undefined && live.record.kind === 'allow' ? SAVE_MS / 1000 : 0;
    const offS = saved === undefined ? 0 : (this.#offS ?? allowed);
    if (saved === undefined) this.#unsaved = true;
    const count: Count = {
      live,
      zero: this.#options.clock.monotonic() - ((saved?.seenS ?? 0) + offS) * 1000,
      window: saved?.window,
      endedS: saved?.endedS,
      asked: undefined,
      force: lasting,
      dueMono: 0,
      dueWall: 0,
    };
    this.#examine(count);
    this.#counts.set(live.id, count);
    return count;
  }

  #elapsedS(count: Count): number {
    return (this.#options.clock.monotonic() - count.zero) / 1000;
  }

  #forceNow(count: Count): Force {
    const { clock, trust } = this.#options;
    const { kind, terms } = count.live.record;
    return forceOf(kind, terms, {
      wall: clock.now(),
      trusted: trust.trusted,
      elapsedS: this.#elapsedS(count),
      window: count.window,
    });
  }

  #examine(count: Count): void {
    const { clock } = this.#options;
    const force = this.#forceNow(count);
    const againMs = Math.ceil((force.againS ?? Number.POSITIVE_INFINITY) * 1000);
    count.force = force;
    count.window = force.window;
    count.endedS = force.ended ? (count.endedS ?? this.#elapsedS(count)) : undefined;
    count.dueMono = clock.monotonic() + againMs;
    count.dueWall = clock.now() + againMs;
  }

  #look(): void {
    const { clock, trust, onChange, retire } = this.#options;
    if (!this.#running) return;
    const jumped = this.#jumped();
    if (jumped) trust.jumped();
    const all = jumped || trust.trusted !== this.#trusted;
    this.#trusted = trust.trusted;
    const [mono, wall] = [clock.monotonic(), clock.now()];
    let changed = false;
    const ended: RecordId[] = [];
    for (const count of this.#counts.values()) {
      const before = count.force.inForce;
      if (all || mono >= count.dueMono || wall >= count.dueWall) this.#examine(count);
      if (count.force.inForce !== before) changed = true;
      if (this.#toRetire(count, mono)) ended.push(count.live.id);
    }
    if (mono - this.#savedAt >= this.#saveEvery() && this.#counting()) this.#save();
    this.#arm();
    // Last, for both may lead back here.
    if (changed) onChange();
    if (ended.length > 0) retire(ended, 'its time is over');
  }

  #jumped(): boolean {
    const { clock } = this.#options;
    const offset = clock.now() - clock.monotonic();
    const jumped = Math.abs(offset - this.#offset) > JUMP_MS;
    this.#offset = offset;
    return jumped;
  }

  /** Its author's router retires it at once, any other one when that has had a day to do so. */
  #toRetire(count: Count, mono: number): boolean {
    const { endedS, asked, live } = count;
    if (endedS === undefined) return false;
    if (asked !== undefined && mono - asked < RETRY_MS) return false;
    const { self } = this.#options;
    const patienceS = live.op.peer === self ? 0 : DAY_S + (Number.parseInt(self.slice(0, 6), 16) % SPREAD_S);
    if (this.#elapsedS(count) - endedS < patienceS) return false;
    count.asked = mono;
    return true;
  }

  /** Whether the passing of time matters to anything that would be lost. */
  #counting(): boolean {
    return this.#counts
      .values()
      .some(
        ({ live, endedS, window }) =>
          window !== undefined || endedS !== undefined || live.record.terms.for !== undefined,
      );
  }

  /** Never more than a tick ahead while there is anything timed, so that a jump of the wall clock is noticed. */
  #arm(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    if (this.#counts.size === 0) return;
    const { clock } = this.#options;
    const due = this.#counts
      .values()
      .reduce((least, count) => Math.min(least, count.dueMono), Number.POSITIVE_INFINITY);
    const save = this.#unsaved && this.#counting() ? this.#savedAt + SAVE_NEW_MS : Number.POSITIVE_INFINITY;
    const wait = Math.min(TICK_MS, Math.max(1, Math.min(due, save) - clock.monotonic()));
    this.#timer = clock.after(wait, () => this.#look());
  }

  #saveEvery(): number {
    return this.#unsaved ? SAVE_NEW_MS : SAVE_MS;
  }

  #save(): void {
    const { clock, save, log } = this.#options;
    this.#unsaved = false;
    this.#savedAt = clock.monotonic();
    const counts = this.#counts
      .values()
      .map(
        (count) =>
          [
            count.live.id,
            { seenS: this.#elapsedS(count), window: count.window, endedS: count.endedS },
          ] as const,
      );
    try {
      save(writeCounts(counts, this.#options.bootTime?.()));
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'the counts of timed policies cannot be saved');
    }
  }
}

function timed(live: Live): live is Timed {
  const { record } = live;
  return (record.kind === 'block' || record.kind === 'allow') && isTimed(record.terms);
}
