import type { Clock } from '../../clock.ts';
import type { Prefix } from '../../policy/block-set.ts';
import { FlowTable } from '../flows/flow-table.ts';
import type { NodeCache } from '../nodes/node-cache.ts';
import { FrameStreams } from '../observe/frame-facts.ts';
import type { Interfaces } from '../observe/interfaces.ts';
import type { CapturedFrame } from '../observe/pcap.ts';
import type { CaptureFile } from './capture-file.ts';
import { hear, readCaptured } from './frames.ts';
import { deduceLan } from './lan-finder.ts';
import { PacketClock } from './packet-clock.ts';
import { Replayer } from './replayer.ts';
import { Stations } from './stations.ts';
import type { Trial } from './trial.ts';

/** What the frames are replayed into. */
export interface Stage {
  readonly cache: NodeCache;
  /** Judges the packets by a set of policies. */
  readonly trial?: Trial | undefined;
}

export interface ReplayOptions {
  readonly file: CaptureFile;
  /** `real`: as slowly as it was captured. */
  readonly speed: 'max' | 'real';
  /** The LAN's prefixes; found when absent. */
  readonly lan?: readonly Prefix[] | undefined;
  /** Also read the server names of TLS; without it they are not. */
  readonly sni?: boolean | undefined;
  /** The machine's own clock: for the pace and for how long it took. */
  readonly clock: Clock;
  /** Ends the replay early; what was read until then is the answer. */
  readonly signal: AbortSignal;
  /** Makes the stage, once the first frames have told what the LAN is. */
  readonly stage: (clock: PacketClock, interfaces: () => Interfaces) => Stage;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface Progress {
  /** Of the file, 0 to 1. */
  readonly done: number;
  readonly frames: number;
  /** Milliseconds since the replay began. */
  readonly tookMs: number;
}

/** A replay that has ended. */
export interface Replayed extends Stage {
  readonly replayer: Replayer;
  readonly clock: PacketClock;
  readonly interfaces: Interfaces;
  /** Why not everything was read; undefined when it was. */
  readonly damage: string | undefined;
  /** True when the signal ended it. */
  readonly interrupted: boolean;
  readonly bytesRead: number;
  readonly tookMs: number;
}

/** Who is a router shows early: so many bytes of a capture are looked at before it is replayed. */
const SURVEY_BYTES = 32 * 1024 * 1024;
/** With the pace of the capture, frames that are this near are taken together, milliseconds. */
const TOGETHER_MS = 20;
/** A gap in a capture is not waited for longer than this, milliseconds. */
const LONGEST_GAP_MS = 60_000;

/**
 * Replays a capture on the path of an agent, with the time of its packets. Reads the beginning twice: first to find out which
 * MACs are routers. DataError when the file is no capture, UnavailableError when it cannot be read.
 */
export async function replay(options: ReplayOptions): Promise<Replayed> {
  const { file, clock: wall, signal, onProgress = () => undefined } = options;
  const began = wall.monotonic();
  const stations = await survey(file, signal);
  const clock = new PacketClock();
  const { lan, sni = false } = options;
  const found = deduceLan(stations, lan);
  let begun: Replayer | undefined;
  const { cache, trial } = options.stage(clock, () => begun?.interfaces ?? found);
  const replayer = new Replayer({ clock, cache, flows: new FlowTable({ clock }), stations, lan, trial, sni });
  begun = replayer;
  const pace = options.speed === 'real' ? new Pace(wall, signal) : undefined;
  let bytesRead = 0;
  const tell = (at: number) => {
    const done = Math.min(1, at / Math.max(1, file.size));
    onProgress({ done, frames: replayer.frames.frames, tookMs: wall.monotonic() - began });
  };
  const { damage } = await file.read(
    (frame) => (pace === undefined ? replayer.take(frame) : pace.add(frame)),
    async (at) => {
      const before = bytesRead;
      bytesRead = at;
      await pace?.drain((frame, share) => {
        replayer.take(frame);
        tell(before + share * (at - before));
      });
      tell(at);
      return !signal.aborted;
    },
    signal,
  );
  replayer.finish();
  return {
    replayer,
    clock,
    cache,
    trial,
    interfaces: replayer.interfaces,
    damage,
    interrupted: signal.aborted,
    bytesRead,
    tookMs: wall.monotonic() - began,
  };
}

async function survey(file: CaptureFile, signal: AbortSignal): Promise<Stations> {
  const stations = new Stations();
  const counters = { frames: 0, ignored: 0, answers: 0 };
  const streams = new FrameStreams({ sni: false });
  await file.read(
    (frame) => hear(stations, readCaptured(frame, counters, streams)),
    (at) => at < SURVEY_BYTES,
    signal,
  );
  return stations;
}

/** Holds the frames of a chunk back until it is their time. */
class Pace {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #waiting: CapturedFrame[] = [];
  /** The clock when the frame of capture time 0 would have been due. */
  #offset: number | undefined;

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
  }

  add(frame: CapturedFrame): void {
    this.#waiting.push({ ...frame, bytes: frame.bytes.slice() });
  }

  /** `take` is told which share of what waited is done with the frame, 0 to 1. */
  async drain(take: (frame: CapturedFrame, share: number) => void): Promise<void> {
    const frames = this.#waiting;
    this.#waiting = [];
    for (const [n, frame] of frames.entries()) {
      const now = this.#clock.monotonic();
      this.#offset ??= now - frame.at;
      const wait = frame.at + this.#offset - now;
      if (wait > LONGEST_GAP_MS) this.#offset -= wait - LONGEST_GAP_MS;
      if (wait > TOGETHER_MS && !(await this.#sleep(Math.min(wait, LONGEST_GAP_MS)))) return;
      take(frame, (n + 1) / frames.length);
    }
  }

  /** False when the signal came first. */
  async #sleep(ms: number): Promise<boolean> {
    try {
      await this.#clock.sleep(ms, this.#signal);
    } catch (error) {
      if (this.#signal.aborted) return false;
      throw error;
    }
    return true;
  }
}
