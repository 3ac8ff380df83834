import type { Message } from '@chainsafe/libp2p-gossipsub';
import type { PeerId } from '@libp2p/interface';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { HomeId } from '../policy/identity.ts';
import { MAX_OP_BYTES } from '../policy/op.ts';
import { MAX_REGISTER_BYTES } from '../policy/register-codec.ts';
import { peerKeyOf } from './identity.ts';
import type { GossipVerdict, Overlay } from './overlay.ts';
import type { Counters } from './peer-view.ts';
import type { ReplicatedOps, ReplicatedRegisters } from './replicated.ts';

export interface GossipOptions {
  readonly overlay: Overlay;
  readonly replica: ReplicatedOps;
  readonly registers: ReplicatedRegisters;
  readonly trusted: (peer: PeerKey) => boolean;
  readonly counters: Counters;
  readonly log: Log;
  /** Something came that could not be placed: the peer it came from has more. */
  readonly onBehind: (peer: PeerKey) => void;
}

/** The topics of a home. */
export function topicsOf(home: HomeId): { readonly ops: string; readonly registers: string } {
  return { ops: `/hedgerow/${home}/ops/1`, registers: `/hedgerow/${home}/registers/1` };
}

/** What the replica's word on an op means for gossip; `behind`: ask the sender for what is missing. */
export function judgeOp(verdict: ReturnType<ReplicatedOps['admit']>['verdict']): {
  readonly relay: GossipVerdict;
  readonly behind: boolean;
} {
  switch (verdict) {
    case 'ok':
      return { relay: 'accept', behind: false };
    case 'gap':
    case 'stranger':
      return { relay: 'ignore', behind: true };
    case 'held':
    case 'cut':
      return { relay: 'ignore', behind: false };
    case 'rubbish':
      return { relay: 'reject', behind: false };
  }
}

/** The same for a register. */
export function judgeRegister(verdict: ReturnType<ReplicatedRegisters['admit']>): GossipVerdict {
  if (verdict === 'ok') return 'accept';
  return verdict === 'rubbish' ? 'reject' : 'ignore';
}

/** Gossip is the hint: fast, and lost when nobody was there. Everything is admitted before it is relayed. */
export class Gossip {
  readonly #options: GossipOptions;
  readonly #topics: ReturnType<typeof topicsOf>;

  constructor(options: GossipOptions) {
    this.#options = options;
    this.#topics = topicsOf(options.replica.home);
  }

  start(): void {
    const { overlay } = this.#options;
    overlay.judge(this.#topics.ops, (source, message) =>
      this.#validate('op', MAX_OP_BYTES, source, message, (data, peer) => {
        const { relay, behind } = judgeOp(this.#options.replica.admit(data).verdict);
        if (behind) this.#options.onBehind(peer);
        return relay;
      }),
    );
    overlay.judge(this.#topics.registers, (source, message) =>
      this.#validate('register', MAX_REGISTER_BYTES, source, message, (data) =>
        judgeRegister(this.#options.registers.admit(data)),
      ),
    );
    overlay.gossip.subscribe(this.#topics.ops);
    overlay.gossip.subscribe(this.#topics.registers);
  }

  publishOp(envelope: Uint8Array): void {
    this.#publish('op', this.#topics.ops, MAX_OP_BYTES, envelope);
  }

  publishRegister(envelope: Uint8Array): void {
    this.#publish('register', this.#topics.registers, MAX_REGISTER_BYTES, envelope);
  }

  #publish(what: 'op' | 'register', topic: string, max: number, envelope: Uint8Array): void {
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
      () => counters.add(`gossip.published_${what}s`),
      (error: unknown) => {
        counters.add('gossip.publish_failed');
        log.debug({ what, error: messageOf(error) }, 'gossip was not published');
      },
    );
  }

  #validate(
    what: 'op' | 'register',
    max: number,
    source: PeerId,
    message: Message,
    admit: (data: Uint8Array, peer: PeerKey) => GossipVerdict,
  ): GossipVerdict {
    const { trusted, counters } = this.#options;
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
    const verdict = admit(message.data, peer);
    counters.add(`gossip.${what}_${verdict}`);
    return verdict;
  }
}
