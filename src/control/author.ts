import type { Clock } from '../clock.ts';
import { messageOf, TemporaryError } from '../errors.ts';
import type { SigningKey } from '../p2p/keys.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { Op } from '../policy/op.ts';
import type { Record, RunId } from '../policy/records.ts';
import type { Replica } from '../policy/replica.ts';
import type { KernelGate } from './kernel-gate.ts';

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

/** How long a change waits for the routers that are alive, milliseconds. */
export const ANSWER_TIMEOUT_MS = 2_000;

/** The one way in which a change of a person becomes an op: signed, in force here, on disk, announced, in this order. */
export class Author {
  readonly #options: AuthorOptions;

  constructor(options: AuthorOptions) {
    this.#options = options;
  }

  /** Makes a change and waits until every router that can be reached has it in its kernel (2 s at most). */
  async write(
    change: { by: string; over?: readonly string[]; add?: readonly Record[] },
    wait: boolean,
  ): Promise<{ op: Op; answers: RouterAnswer[] }> {
    const { replica, key, run, clock, kernel, announce, reachable, waitApplied } = this.#options;
    if (!replica.isMember(key.peer)) {
      throw new TemporaryError('this router is no member of its home (yet): it may change nothing', {
        hint: 'hedgerow peers shows whether it reaches the others; hedgerow home add on one of them admits it',
      });
    }
    const began = clock.monotonic();
    const elapsed = () => clock.monotonic() - began;
    const op = replica.author(key, run, {
      at: clock.now(),
      by: change.by,
      over: change.over ?? [],
      add: change.add ?? [],
    });
    const local = kernel
      .reached(kernel.admitted, ANSWER_TIMEOUT_MS)
      .then((applied) => ({ peer: key.peer, applied, ms: elapsed() }));
    await this.#durable();
    announce(op.envelope);
    if (!wait) return { op, answers: [await local] };
    const announced = elapsed();
    const others = await waitApplied(op.id, reachable(), { timeoutMs: ANSWER_TIMEOUT_MS });
    const answers = [...others].map(([peer, { applied, ms }]) => ({ peer, applied, ms: announced + ms }));
    return { op, answers: [await local, ...answers] };
  }

  async #durable(): Promise<void> {
    try {
      await this.#options.durable();
    } catch (cause) {
      throw new TemporaryError(
        `the change is in force here but could not be written to disk: ${messageOf(cause)}`,
        {
          cause,
          hint: 'free some space and repeat the command; the change is not told to the other routers before',
        },
      );
    }
  }
}
