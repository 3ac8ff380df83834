import type { Clock } from '../clock.ts';
import { messageOf, TemporaryError, UsageError } from '../errors.ts';
import type { SigningKey } from '../p2p/keys.ts';
import type { RecordId } from '../policy/block-set.ts';
import type { PeerKey } from '../policy/crypto.ts';
import { MAX_BY_BYTES, MAX_OP_BYTES, type Op } from '../policy/op.ts';
import { decodeRecord, encodeRecord } from '../policy/record-codec.ts';
import type { OpId, Record, RunId } from '../policy/records.ts';
import type { Replica } from '../policy/replica.ts';
import { FairBucket } from './fair-bucket.ts';
import type { KernelGate } from './kernel-gate.ts';
import { isShown } from './views/shown.ts';

/** What one router answered to a change. */
export interface RouterAnswer {
  readonly peer: PeerKey;
  /** True when its kernel has it. */
  readonly applied: boolean;
  /** From the command until that was known here, milliseconds. */
  readonly ms: number;
}

export interface AuthorOptions {
  readonly replica: Replica;
  readonly key: SigningKey;
  readonly run: RunId;
  readonly clock: Clock;
  /** Whether this router trusts its clock: noted in each op, for the audit. False without it. */
  readonly clockTrusted?: () => boolean;
  /** What binds this router before it signs; nothing makes another router refuse what was signed. */
  readonly limits: {
    /** Live policies of the home. */
    readonly policies: number;
    readonly changesPerHour: number;
    readonly burst: number;
  };
  /**
   * Writes what this router knows of the nodes that a change is about into its registers, so that it is on disk with the
   * change. The answer tells it to the others: right before the change, which they then decide on with all they need.
   */
  readonly describe: () => () => void;
  /** Resolves when the store has everything on disk. */
  readonly durable: () => Promise<void>;
  readonly announce: (envelope: Uint8Array) => void;
  /** Members that can be reached now: alive, with a connection. */
  readonly reachable: () => readonly PeerKey[];
  /** When those have the op in their kernels. */
  readonly waitApplied: (
    op: string,
    peers: readonly PeerKey[],
    options: { timeoutMs: number },
  ) => Promise<ReadonlyMap<PeerKey, { applied: boolean; ms: number }>>;
  readonly kernel: KernelGate;
}

/** A change that becomes one op: all of it or nothing. */
export interface Change {
  readonly by: string;
  readonly over?: readonly RecordId[];
  readonly add?: readonly Record[];
  /** The op whose inverse this is. */
  readonly undoes?: OpId | undefined;
  /** Nobody asked for it (a policy has ended): no rate binds it. */
  readonly automatic?: boolean;
  /** Who signs it instead of this router, in a run of its own: the recovery key. */
  readonly signer?: { readonly key: Pick<SigningKey, 'peer' | 'sign'>; readonly run: RunId } | undefined;
}

/** How long a change waits for the routers that are alive, milliseconds. */
export const ANSWER_TIMEOUT_MS = 2_000;

/** Room in an op for all that is neither retired nor added, bytes. */
const FRAME_BYTES = 768;

/** The one way in which a change of a person becomes an op: signed, in force here, on disk, announced, in this order. */
export class Author {
  readonly #options: AuthorOptions;
  readonly #bucket: FairBucket;

  constructor(options: AuthorOptions) {
    this.#options = options;
    const { changesPerHour, burst } = options.limits;
    this.#bucket = new FairBucket(options.clock, { perHour: changesPerHour, burst });
  }

  /** Changes that were refused because too many were made in a short time. */
  get refused(): number {
    return this.#bucket.refused;
  }

  /**
   * Makes a change and waits until every router that can be reached has it in its kernel (2 s at most). TemporaryError
   * when this router may not write, or not so fast; UsageError when the change or the policy would become too large.
   */
  async write(change: Change, wait: boolean): Promise<{ op: Op; answers: RouterAnswer[] }> {
    const { replica, clock, kernel, announce, reachable, waitApplied } = this.#options;
    const { key, run } = change.signer ?? this.#options;
    this.#check(change);
    const began = clock.monotonic();
    const elapsed = () => clock.monotonic() - began;
    const self = this.#options.key.peer;
    const op = replica.author(key, run, {
      at: clock.now(),
      trusted: this.#options.clockTrusted?.() ?? false,
      by: change.by,
      undoes: change.undoes,
      over: change.over ?? [],
      add: change.add ?? [],
    });
    const local = kernel
      .reached(kernel.admitted, ANSWER_TIMEOUT_MS)
      .then((at) => ({ peer: self, applied: at !== undefined, ms: (at ?? clock.monotonic()) - began }));
    const announceNodes = this.#options.describe();
    await this.#durable();
    announceNodes();
    announce(op.envelope);
    if (!wait) return { op, answers: [await local] };
    const announced = elapsed();
    const others = await waitApplied(op.id, reachable(), { timeoutMs: ANSWER_TIMEOUT_MS });
    const answers = [...others].map(([peer, { applied, ms }]) => ({ peer, applied, ms: announced + ms }));
    return { op, answers: [await local, ...answers] };
  }

  /** Limits bind the author, before anything is signed. */
  #check({ by, over = [], add = [], automatic = false, signer }: Change): void {
    const { replica, limits } = this.#options;
    const { key } = signer ?? this.#options;
    if (replica.member(key.peer)?.evicted !== undefined) {
      throw new UsageError('this router was evicted from its home: it may change nothing there', {
        hint: 'hedgerow leave --alone begins a home of its own; hedgerow join makes it part of another one then',
      });
    }
    if (!replica.isMember(key.peer)) {
      throw new TemporaryError('this router is no member of its home (yet): it may change nothing', {
        hint: 'hedgerow peers shows whether it reaches the others; hedgerow home add on one of them admits it',
      });
    }
    if (bytesOf({ over, add }) > MAX_OP_BYTES - FRAME_BYTES) {
      throw new UsageError('this change is too large for one op', {
        hint: 'make it in several smaller ones',
      });
    }
    if (!isReadable(by, add)) {
      throw new UsageError('a text in this change is too long, or there is none', {
        hint: 'names, reasons and authors have at most 200 bytes',
      });
    }
    const added = add.filter(isShown).length;
    if (added > 0) {
      const retired = new Set(over);
      let live = added;
      for (const one of replica.live.values()) if (isShown(one.record) && !retired.has(one.id)) live += 1;
      if (live > limits.policies && added > retired.size) {
        throw new UsageError(
          `the home would have ${live} policies; this router makes ${limits.policies} at most`,
          {
            hint: 'lift some, or put what belongs together into a group; limits.policies in the configuration',
          },
        );
      }
    }
    const seconds = automatic ? 0 : this.#bucket.take(by);
    if (seconds > 0) {
      throw new TemporaryError(
        `too many changes on this router (${limits.burst} at once, ${limits.changesPerHour} an hour): the next one in ${seconds} s`,
        {
          hint: 'every change is kept for years: find what makes so many (hedgerow audit) and let it make fewer; hedgerow suspend stops all blocking meanwhile; limits in the configuration',
        },
      );
    }
  }

  async #durable(): Promise<void> {
    try {
      await this.#options.durable();
    } catch (cause) {
      throw new TemporaryError(
        `the change is in force here but could not be written to disk: ${messageOf(cause)}`,
        {
          cause,
          hint: 'free some space and repeat the command; until then only routers that hear of it by themselves keep it',
        },
      );
    }
  }
}

/** What other routers could not read is never signed: they would keep it as something newer than themselves. */
function isReadable(by: string, add: readonly Record[]): boolean {
  if (Buffer.byteLength(by) > MAX_BY_BYTES) return false;
  return add.every((record) => decodeRecord(encodeRecord(record))?.kind === record.kind);
}

/** What an atomic part of a change retires and adds. */
export interface Step {
  readonly over: readonly RecordId[];
  readonly add: readonly Record[];
}

/** As many steps in each op as go in; a step is never torn apart. */
export function inOps(steps: readonly Step[]): Step[] {
  const ops: { over: RecordId[]; add: Record[] }[] = [];
  let room = 0;
  for (const step of steps) {
    const bytes = bytesOf(step);
    if (bytes > room) {
      ops.push({ over: [], add: [] });
      room = MAX_OP_BYTES - FRAME_BYTES;
    }
    ops.at(-1)?.over.push(...step.over);
    ops.at(-1)?.add.push(...step.add);
    room -= bytes;
  }
  return ops;
}

/** 34 bytes name a record; each field has a tag and a length before it. */
function bytesOf({ over, add }: Step): number {
  return add.reduce((sum, record) => sum + encodeRecord(record).length + 4, over.length * 36);
}
