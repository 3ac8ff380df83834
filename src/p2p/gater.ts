import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface';
import type { PeerKey } from '../policy/crypto.ts';
import { peerKeyOf } from './identity.ts';
import { Unproven } from './unproven.ts';

/** `unproven`: nobody heard who it was. */
export type Refusal = 'inbound' | 'outbound' | 'unproven';

export interface GaterOptions {
  /** Members, and sponsors while joining. */
  readonly trusted: (peer: PeerKey) => boolean;
  /** The other side proved its key and is let in. */
  readonly onAdmitted: (peer: PeerKey, connection: MultiaddrConnection) => void;
  readonly onRefused: (how: Refusal) => void;
  /** A machine accepted the connection that was dialled to this peer; who it is shows later. */
  readonly onReached: (peer: PeerKey) => void;
}

/** Refuses everybody who is not trusted as soon as the handshake has proved who it is, before a stream can open. */
export function createGater(options: GaterOptions): ConnectionGater {
  const unproven = new Unproven(() => options.onRefused('unproven'));
  const check = (direction: 'inbound' | 'outbound') => (id: PeerId, connection: MultiaddrConnection) => {
    unproven.proved(connection);
    const peer = peerKeyOf(id);
    if (peer === undefined || !options.trusted(peer)) {
      options.onRefused(direction);
      return true;
    }
    options.onAdmitted(peer, connection);
    return false;
  };
  return {
    denyInboundConnection: (connection) => {
      unproven.came(connection);
      return false;
    },
    denyDialPeer: (id) => {
      const peer = peerKeyOf(id);
      return peer === undefined || !options.trusted(peer);
    },
    denyOutboundConnection: (id) => {
      const peer = peerKeyOf(id);
      if (peer !== undefined) options.onReached(peer);
      return false;
    },
    denyInboundEncryptedConnection: check('inbound'),
    denyOutboundEncryptedConnection: check('outbound'),
  };
}
