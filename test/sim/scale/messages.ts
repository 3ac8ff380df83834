import type { AliveFrame } from '../../../src/p2p/alive/alive-wire.ts';
import { aliveBytes } from './frame-size.ts';

/** What goes over a connection, in its streams. */
export type Message =
  /** Pre-shared key, noise, yamux and identify, so many messages to go. */
  | { readonly kind: 'handshake'; readonly left: number }
  | { readonly kind: 'alive'; readonly frame: AliveFrame }
  | { readonly kind: 'gossip'; readonly op: Uint8Array }
  | { readonly kind: 'mesh'; readonly graft: boolean }
  /** The link is closed as surplus. */
  | { readonly kind: 'parting' }
  /** Without bytes: the stream ends. */
  | { readonly kind: 'sync'; readonly session: string; readonly bytes: Uint8Array | undefined };

/** Length, yamux header, noise tag and length, bytes. */
const WRAPPING = 2 + 12 + 18;
/** A message of gossipsub beside its data: publisher, number, topic (with the home's id), signature, key, bytes. */
const GOSSIP_WRAPPING = 40 + 8 + 90 + 64 + 40;
const CONTROL_BYTES = 100;
const STREAM_BYTES = 60;
/** A handshake: about six round trips with pre-shared key, noise, yamux, protocols and identify; bytes of each message are a guess. */
export const HANDSHAKE_MESSAGES = 8;
const HANDSHAKE_BYTES = 640;

/** On the wire, below TCP. */
export function bytesOf(message: Message): number {
  switch (message.kind) {
    case 'handshake':
      return HANDSHAKE_BYTES;
    case 'alive':
      return aliveBytes(message.frame) + WRAPPING;
    case 'gossip':
      return message.op.length + GOSSIP_WRAPPING + WRAPPING;
    case 'mesh':
    case 'parting':
      return CONTROL_BYTES + WRAPPING;
    case 'sync':
      return (message.bytes?.length ?? STREAM_BYTES) + WRAPPING;
  }
}
