import type { Connection, Stream } from '@libp2p/interface';
import { type Clock, repeat } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import { StreamChannel } from '../channel.ts';
import type { Counters } from '../counters.ts';
import { within } from '../deadline.ts';
import type { Floods } from '../floods.ts';
import type { Overlay } from '../overlay.ts';
import type { ReplicatedOps, ReplicatedRegisters } from '../replicated.ts';
import { type EndedSession, type RunningSession, SyncPartner } from './sync-partner.ts';
import type { SyncProgress } from './sync-progress.ts';
import { type SessionResult, syncSession } from './sync-session.ts';

export const SYNC_PROTOCOL = '/hedgerow/sync/1';

export interface SyncOptions {
  readonly overlay: Overlay;
  readonly self: PeerKey;
  readonly replica: ReplicatedOps;
  readonly registers: ReplicatedRegisters;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly floods: Floods;
  readonly progress: SyncProgress;
  readonly trusted: (peer: PeerKey) => boolean;
  /** Whether the peer's last word about its state equals ours now; undefined when it has not said. */
  readonly equal: (peer: PeerKey) => boolean | undefined;
  /** Whether the peer's last word was our own state a moment ago: it has nothing that we lack, and asks when it is to. */
  readonly late: (peer: PeerKey) => boolean;
  readonly onBatch: ((edge: 'begin' | 'end') => void) | undefined;
  readonly onDone: (peer: PeerKey, result: SessionResult) => void;
  /** An op of a router that was evicted came and was not taken. */
  readonly onCut?: ((envelope: Uint8Array) => void) | undefined;
}

/** A difference is looked at again after so long, milliseconds: gossip on its way often mends it. */
const QUIET_MS = 250;
/** After gossip that could not be placed, milliseconds. */
const BEHIND_MS = 50;
/** Every so often a random peer that is not known to be equal, milliseconds. */
const ROUND_MS = 30_000;
const OPEN_MS = 5_000;

/** Anti-entropy is the guarantee: one session per peer at a time, begun by whoever sees a difference first. */
export class Sync {
  readonly #options: SyncOptions;
  readonly #partners = new Map<PeerKey, SyncPartner>();
  readonly #running = new Set<Promise<void>>();
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: SyncOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { overlay, clock } = this.#options;
    this.#signal = signal;
    await overlay.handle(SYNC_PROTOCOL, (peer, stream) => this.#accept(peer, stream));
    this.#track(repeat(async () => this.#round(), { clock, signal, everyMs: ROUND_MS }));
  }

  /** Resolves when every session has ended, which the signal of `start()` brings about. */
  async stop(): Promise<void> {
    for (const partner of this.#partners.values()) partner.timer?.clear();
    await Promise.allSettled(this.#running);
    this.#partners.clear();
  }

  /** A connection opened: whoever dialled it begins. */
  opened(peer: PeerKey, connection: Connection): void {
    const partner = this.#partner(peer);
    partner.inVain = 0;
    // One that runs does so on a connection that this one replaces: it is not waited for.
    partner.session?.abort.abort(new Error('another connection with this peer stays'));
    partner.session = undefined;
    if (connection.direction === 'outbound') this.#track(this.#initiate(peer));
  }

  /** A keep-alive shows that the peer holds something else than we do. */
  differs(peer: PeerKey): void {
    const { equal, late } = this.#options;
    if (!late(peer)) this.#later(peer, QUIET_MS, () => equal(peer) !== true && !late(peer));
  }

  /** Gossip brought something that cannot be placed without what the peer has besides. */
  behind(peer: PeerKey): void {
    this.#later(peer, BEHIND_MS, () => true);
  }

  /** A keep-alive shows that the peer holds what we do. */
  equals(peer: PeerKey): void {
    this.#partner(peer).inVain = 0;
  }

  /** What came of the newest session with a peer. */
  last(peer: PeerKey): EndedSession | undefined {
    return this.#partners.get(peer)?.last;
  }

  /**
   * A session now, or the one that runs; undefined when none could be begun. Lasts as long as the session. To `compare`
   * brings nothing over.
   */
  async now(peer: PeerKey, what: 'exchange' | 'compare' = 'exchange'): Promise<SessionResult | undefined> {
    const partner = this.#partner(peer);
    let result: SessionResult | undefined;
    // One that both sides begin gives way to the other, and one that runs may be for something else.
    for (let tries = 0; tries < 3; tries++) {
      if (
        partner.session === undefined &&
        (tries === 0 || (what === 'compare' && result?.outcome === 'done'))
      ) {
        this.#track(this.#initiate(peer, what));
      }
      if (partner.session === undefined) break;
      result = await partner.session.over.promise;
      if (what === 'compare' ? isComparison(result) : result !== undefined && result.outcome !== 'failed')
        break;
    }
    return result;
  }

  /** No member any more. */
  forget(peer: PeerKey): void {
    const partner = this.#partners.get(peer);
    partner?.timer?.clear();
    partner?.session?.abort.abort(new Error('not a member any more'));
    this.#partners.delete(peer);
  }

  #later(peer: PeerKey, quietMs: number, wanted: () => boolean): void {
    const { clock } = this.#options;
    const partner = this.#partner(peer);
    if (partner.timer !== undefined || partner.session !== undefined || this.#signal.aborted) return;
    partner.timer = clock.after(partner.waitMs(quietMs), () => {
      partner.timer = undefined;
      if (wanted()) this.#track(this.#initiate(peer));
    });
  }

  #round(): void {
    const { overlay, equal } = this.#options;
    const candidates = [...this.#partners.keys()].filter(
      (peer) => equal(peer) !== true && overlay.connections(peer).length > 0,
    );
    const peer = candidates[Math.floor(Math.random() * candidates.length)];
    if (peer !== undefined) this.#track(this.#initiate(peer));
  }

  async #initiate(peer: PeerKey, what: 'exchange' | 'compare' = 'exchange'): Promise<void> {
    const { overlay, clock, trusted, counters } = this.#options;
    const partner = this.#partner(peer);
    if (partner.session !== undefined || this.#signal.aborted || !trusted(peer)) return;
    const abort = new AbortController();
    partner.session = { initiated: true, abort, over: Promise.withResolvers() };
    const session = partner.session;
    const signal = AbortSignal.any([this.#signal, abort.signal]);
    let stream: Stream | undefined;
    try {
      stream = await within(clock, OPEN_MS, signal, 'sync', (limited) =>
        overlay.open(peer, SYNC_PROTOCOL, limited),
      );
    } catch (error) {
      counters.add('sync.not_opened');
      this.#options.log.debug({ peer, error: messageOf(error) }, 'no sync stream');
    }
    partner.ended(session, stream && (await this.#converse(peer, stream, signal, what === 'compare')));
  }

  #accept(peer: PeerKey, stream: Stream): void {
    const { self, trusted, counters } = this.#options;
    const partner = this.#partner(peer);
    // Both began at once: the lower key's session goes on.
    const ours = partner.session;
    if (this.#signal.aborted || !trusted(peer) || (ours !== undefined && (!ours.initiated || self < peer))) {
      counters.add('sync.busy');
      stream.abort(new Error('a session with this peer runs'));
      return;
    }
    if (!partner.mayBegin()) {
      counters.add('sync.too_often');
      stream.abort(new Error('too many sessions'));
      return;
    }
    ours?.abort.abort(new Error('the other side began as well'));
    const abort = new AbortController();
    const session: RunningSession = { initiated: false, abort, over: Promise.withResolvers() };
    partner.session = session;
    const signal = AbortSignal.any([this.#signal, abort.signal]);
    this.#track(this.#converse(peer, stream, signal).then((result) => partner.ended(session, result)));
  }

  async #converse(
    peer: PeerKey,
    stream: Stream,
    signal: AbortSignal,
    compare = false,
  ): Promise<SessionResult> {
    const { replica, registers, clock, counters, log, floods, progress, onBatch, onDone } = this.#options;
    const partner = this.#partner(peer);
    const channel = new StreamChannel(stream);
    const result = await syncSession(channel, {
      replica,
      registers,
      clock,
      signal,
      onBatch,
      onProgress: (received, expected) => progress.update(peer, received, expected),
      partner: {
        peer,
        charge: (bytes) => floods.synced(peer, bytes),
        wasted: (bytes) => partner.wasted(bytes),
        cut: (envelope) => this.#options.onCut?.(envelope),
        pace: (bytes) => partner.send(bytes),
      },
      compare,
    });
    progress.ended(peer);
    if (result.outcome === 'equal' || result.outcome === 'done') floods.told(peer);
    counters.add(`sync.${result.outcome}`);
    counters.add('sync.ops_in', result.opsIn);
    counters.add('sync.ops_out', result.opsOut);
    counters.add('sync.ops_refused', result.opsRefused);
    counters.add('sync.registers_in', result.registersIn);
    counters.add('sync.registers_out', result.registersOut);
    log.debug({ peer, ...result }, 'sync session ended');
    if (result.outcome === 'failed') {
      channel.abort(new Error(result.reason ?? 'failed'));
    } else {
      try {
        await within(clock, OPEN_MS, signal, 'sync', (limited) => channel.close(limited));
      } catch (error) {
        channel.abort(error instanceof Error ? error : new Error(String(error)));
      }
    }
    if (!signal.aborted) onDone(peer, result);
    return result;
  }

  #partner(peer: PeerKey): SyncPartner {
    let partner = this.#partners.get(peer);
    if (partner === undefined) {
      partner = new SyncPartner(this.#options.clock);
      this.#partners.set(peer, partner);
    }
    return partner;
  }

  #track(work: Promise<void>): void {
    this.#running.add(work);
    const done = () => this.#running.delete(work);
    work.then(done, (error: unknown) => {
      done();
      this.#options.log.error({ error: messageOf(error) }, 'sync failed in itself');
    });
  }
}

/** Whether it says what differs: also one that found nothing to. */
function isComparison(result: SessionResult | undefined): boolean {
  return result?.outcome === 'compared' || result?.outcome === 'equal';
}
