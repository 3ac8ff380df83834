import type { Clock } from '../clock.ts';
import { ConfigError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Mac, NodeId } from '../policy/block-set.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { PresenceClaim } from '../policy/presence.ts';
import { type PeerAddress, parseAddress } from './addresses.ts';
import type { Enforcement } from './alive/enforcement.ts';
import type { Followers } from './followed.ts';
import type { Door } from './joining/guests.ts';
import type { SigningKey } from './keys.ts';
import type { LinkLimits } from './links/link-policy.ts';
import type { TransportFactory } from './overlay.ts';
import type { Answer, Question } from './question-wire.ts';
import type { ReplicatedOps, ReplicatedRegisters } from './replicated.ts';

export interface NetworkOptions {
  readonly replica: ReplicatedOps;
  readonly registers: ReplicatedRegisters;
  /** This agent's key. */
  readonly key: SigningKey;
  /** The home's pre-shared key, 32 bytes. */
  readonly psk: Uint8Array;
  /** Members that this router was given when it joined; trusted until the replica knows ourselves as a member. */
  readonly sponsors: readonly PeerKey[];
  /** Where to listen: `host:port`, `[v6]:port` or a multiaddr. Port 0 takes any. */
  readonly listen: readonly string[];
  /** What to tell others to dial; the same forms. Besides these only explicit listen addresses are announced. */
  readonly announce: readonly string[];
  /** Where a person says that members may be found; the same forms, with or without `/p2p/<peer id>`. */
  readonly bootstrap: readonly string[];
  /** Where they were when this agent ran last (the home file); the same forms. */
  readonly remembered?: readonly string[];
  /** Which links to have (link-choice.ts, link-policy.ts). Default: up to 12 routers all, above 8 each; none is closed for idleness or age. */
  readonly links?: Partial<LinkWishes>;
  /** A member that was not heard of for so long that its eviction is proposed. Default: none. */
  readonly absent?: (peer: PeerKey) => boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** How long we wait for a peer before we call it down, milliseconds. Default 6 s, 10 s in a home of two. */
  readonly toleranceMs?: number;
  /** How long we wait for some peers, milliseconds, other than for the rest. */
  readonly tolerances?: ReadonlyMap<PeerKey, number>;
  /** A peer that has been down for so long is pruned, milliseconds. Default 10 min. */
  readonly keepDownMs?: number;
  /** Milliseconds since the machine was started, those in which it was suspended counted. Default: it never is. */
  readonly boot?: () => number;
  /** Default TCP; tests pass libp2p's memory transport, with addresses `/memory/<name>`. */
  readonly transport?: TransportFactory;
  /** Addresses that a member announced in its card (policy/register-codec.ts), if any. */
  readonly addressesOf?: (peer: PeerKey) => readonly string[];
  /** A session brings ops: hold decisions from 'begin' to 'end' while it is the first. Always in pairs; nests. */
  readonly onBatch?: (edge: 'begin' | 'end') => void;
  /** Whether this router's wall clock is trusted now: told to the others. Default: never. */
  readonly clockTrusted?: () => boolean;
  /** A connection opened or ended, or somebody is no member any more: members may be elsewhere now. */
  readonly onMoved?: () => void;
  /** Which devices are or were behind this router, and the id of the device with a MAC. Default: nothing is told. */
  readonly presence?: {
    readonly claims: () => Iterable<PresenceClaim>;
    readonly idOf: (mac: Mac) => NodeId;
  };
  /** Lets in routers that come with an invitation. Default: nobody who is no member. */
  readonly door?: Door;
  /** Whether this router blocks what is decided, for the others to know. Default: it is not said. */
  readonly enforcement?: () => Enforcement;
  /** Answers what another member asks of this router. Default: nothing is answered. */
  readonly answer?: (question: Question, peer: PeerKey) => Promise<Answer>;
  /** Where connections are told of. Default: nowhere. */
  readonly listeners?: Followers | undefined;
}

/** See {@link LinkChoice} and {@link LinkLimits}. */
export interface LinkWishes extends LinkLimits {
  readonly fullMesh: number;
  readonly target: number;
}

/** Reads the addresses under a key of the config. ConfigError when one cannot be understood. */
export function parseAddresses(key: string, texts: readonly string[]): PeerAddress[] {
  return texts.map((text) => {
    const address = parseAddress(text);
    if (address !== undefined) return address;
    throw new ConfigError(`p2p.${key}: not an address: ${text}`, {
      hint: 'write host:port, [address]:port or a multiaddr such as /ip4/192.0.2.1/tcp/4411',
    });
  });
}
