import type { Message } from '@chainsafe/libp2p-gossipsub';
import type { PeerId } from '@libp2p/interface';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { HomeId } from '../policy/identity.ts';
import { MAX_OP_BYTES } from '../policy/op.ts';
import { MAX_REGISTER_BYTES } from '../policy/register-codec.ts';
import type { Counters } from './counters.ts';
import type { Floods } from './floods.ts';
import { peerKeyOf } from './identity.ts';
import type { GossipVerdict, Overlay } from './overlay.ts';
import { MAX_PRESENCE_FRAME } from './presence/presence-statement.ts';
import type { ReplicatedOps, ReplicatedRegisters } from './replicated.ts';

export interface GossipOptions {
  readonly overlay: Overlay;
  readonly replica: ReplicatedOps;
  readonly registers: ReplicatedRegisters;
  readonly trusted: (peer: PeerKey) => boolean;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly floods: Floods;
  readonly log: Log;
  /** A member told of its devices, by way of others. */
  readonly onPresence: (author: PeerKey, message: Uint8Array) => GossipVerdict;
  /** Something came that could not be placed: the peer it came from has more. */
  readonly onBehind: (peer: PeerKey) => void;
}

/** The topics of a home. */
export function topicsOf(home: HomeId): Readonly<Record<'ops' | 'registers' | 'presence', string>> {
  const of = (what: string) => `/hedgerow/${home}/${what}/1`;
  return { ops: of('ops'), registers: of('registers'), presence: of('presence') };
}

type What = 'op' | 'register' | 'presence';

/** What a verdict means for a gossiped message. */
export interface Judgement {
  readonly relay: GossipVerdict;
  /** Ask the sender for what is missing. */
  readonly behind: boolean;
  /**
   * Who pays for the verification: what is new was made by its publisher; what we had and what is rubbish should not have
   * been passed on. So nobody can make another one pay by sending that one's messages again.
   */
  readonly payer: 'publisher' | 'sender';
}

/** Of a peer that is muted one window is read so often, milliseconds, and thrown away: a megabyte a second. */
const SIP_MS = 250;

/** What the replica's word on an op means for gossip. */
export function judgeOp(verdict: ReturnType<ReplicatedOps['admit']>['verdict']): Judgement {
  switch (verdict) {
    case 'ok':
      return { relay: 'accept', behind: false, payer: 'publisher' };
    case 'gap':
    case 'stranger':
      return { relay: 'ignore', behind: true, payer: 'publisher' };
    case 'held':
    case 'cut':
      return { relay: 'ignore', behind: false, payer: 'sender' };
    case 'rubbish':
      return { relay: 'reject', behind: false, payer: 'sender' };
  }
}

/** The same for a register. */
export function judgeRegister(verdict: ReturnType<ReplicatedRegisters['admit']>): Judgement {
  const relay = verdict === 'ok' ? 'accept' : verdict === 'rubbish' ? 'reject' : 'ignore';
  const payer = verdict === 'held' || verdict === 'rubbish' ? 'sender' : 'publisher';
  return { relay, behind: false, payer };
}

/** Gossip is the hint: fast, and lost when nobody was there. Everything is admitted before it is relayed. */
export class Gossip {
  readonly #options: GossipOptions;
  readonly #topics: ReturnType<typeof topicsOf>;
  /** Peers whose gossip is not looked at, with what ends that. */
  readonly #muted = new Map<PeerKey, () => void>();

  constructor(options: GossipOptions) {
    this.#options = options;
    this.#topics = topicsOf(options.replica.home);
  }

  start(): void {
    const { overlay } = this.#options;
    overlay.judge(this.#topics.ops, (source, message) =>
      this.#validate('op', MAX_OP_BYTES, source, message, (data) =>
        judgeOp(this.#options.replica.admit(data).verdict),
      ),
    );
    overlay.judge(this.#topics.registers, (source, message) =>
      this.#validate('register', MAX_REGISTER_BYTES, source, message, (data) =>
        judgeRegister(this.#options.registers.admit(data)),
      ),
    );
    overlay.judge(this.#topics.presence, (source, message) =>
      this.#validate('presence', MAX_PRESENCE_FRAME, source, message, (data, author) => ({
        relay: this.#options.onPresence(author, data),
        behind: false,
        payer: 'publisher',
      })),
    );
    for (const topic of Object.values(this.#topics)) overlay.gossip.subscribe(topic);
  }

  /** True while nothing is to be read of a peer's gossip. */
  muted(peer: PeerKey): boolean {
    return this.#muted.has(peer);
  }

  /** The peer holds what we do, or is no member any more. */
  unmute(peer: PeerKey): void {
    this.#muted.get(peer)?.();
  }

  publishOp(envelope: Uint8Array): void {
    this.#publish('op', this.#topics.ops, MAX_OP_BYTES, envelope);
  }

  publishRegister(envelope: Uint8Array): void {
    this.#publish('register', this.#topics.registers, MAX_REGISTER_BYTES, envelope);
  }

  publishPresence(message: Uint8Array): void {
    this.#publish('presence', this.#topics.presence, MAX_PRESENCE_FRAME, message);
  }

  #publish(what: What, topic: string, max: number, envelope: Uint8Array): void {
    const { overlay, counters, log } = this.#options;
    // Above the receivers' limit publish() would report success and leave them deaf.
    if (envelope.length > max) {
      counters.add('gossip.too_large');
      log.error({ what, bytes: envelope.length }, 'a message is too large for gossip');
      return;
    }
    if (!overlay.running) {
      // Before the start and after the end nobody hears it; sync will tell.
      counters.add('gossip.not_running');
      return;
    }
    overlay.gossip.publish(topic, envelope).then(
      () => counters.add(`gossip.published_${what === 'presence' ? what : `${what}s`}`),
      (error: unknown) => {
        counters.add('gossip.publish_failed');
        log.debug({ what, error: messageOf(error) }, 'gossip was not published');
      },
    );
  }

  #validate(
    what: What,
    max: number,
    source: PeerId,
    message: Message,
    admit: (data: Uint8Array, author: PeerKey) => Judgement,
  ): GossipVerdict {
    const { trusted, counters, floods } = this.#options;
    const peer = peerKeyOf(source);
    const from = message.type === 'signed' ? peerKeyOf(message.from) : undefined;
    if (peer === undefined || from === undefined || !trusted(peer) || !trusted(from)) {
      counters.add('gossip.stranger');
      // A member that we do not know yet may have published it: the relay is not to blame.
      if (peer !== undefined && trusted(peer)) this.#options.onBehind(peer);
      return 'ignore';
    }
    if (message.data.length > max) {
      counters.add('gossip.too_large');
      return 'reject';
    }
    if (floods.above(peer)) {
      this.#mute(peer);
      return this.#ignoreFlood();
    }
    if (from !== peer && floods.above(from)) return this.#ignoreFlood();
    const { relay, behind, payer } = admit(message.data, from);
    floods.gossiped(payer === 'publisher' ? from : peer, message.data.length);
    if (behind) this.#options.onBehind(peer);
    counters.add(`gossip.${what}_${relay}`);
    return relay;
  }

  /** Not verified and not relayed: its digest tells that it is missing, and sync brings it. */
  #ignoreFlood(): GossipVerdict {
    this.#options.counters.add('gossip.flood');
    return 'ignore';
  }

  /**
   * Gossip of a peer above its rate is thrown away at the door: libp2p checks a signature of its own on every message
   * before we are asked, and after the first op that was not looked at all later ones are gaps. Read in sips, so that
   * the peer's window holds it back, until it holds what we do or its flood is over.
   */
  #mute(peer: PeerKey): void {
    if (this.#muted.has(peer)) return;
    const { overlay, clock, counters, floods } = this.#options;
    counters.add('gossip.muted');
    let resume = overlay.holdGossip(peer);
    let timer = clock.after(SIP_MS, sip);
    const end = () => {
      timer.clear();
      this.#muted.delete(peer);
      resume();
    };
    function sip(): void {
      resume();
      if (!overlay.running || floods.of(peer) === undefined) {
        end();
        return;
      }
      resume = overlay.holdGossip(peer);
      timer = clock.after(SIP_MS, sip);
    }
    this.#muted.set(peer, end);
  }
}
