import { systemClock } from '../../src/clock.ts';
import { invite } from '../../src/control/commands/invite.ts';
import type { Parts } from '../../src/control/parts.ts';
import { doorOf } from '../../src/inviting.ts';
import { EvictionNews } from '../../src/p2p/joining/eviction-news.ts';
import type { Door } from '../../src/p2p/joining/guests.ts';
import { decodeToken, type InvitationToken } from '../../src/p2p/joining/invitation-token.ts';
import { Invitations } from '../../src/p2p/joining/invitations.ts';
import { type Admitted, knock } from '../../src/p2p/joining/knock.ts';
import { NotTaken } from '../../src/p2p/joining/not-taken.ts';
import { generateKey, type SigningKey } from '../../src/p2p/keys.ts';
import type { NetworkOptions } from '../../src/p2p/network-options.ts';
import type { RecordId } from '../../src/policy/block-set.ts';
import { toHex } from '../../src/policy/crypto.ts';
import type { Record } from '../../src/policy/records.ts';
import { crypto } from '../support/household.ts';
import type { House, Router } from './house.ts';

/** What inviting, admitting and being told of an eviction need of an agent, over a router of a house. */
export interface Inviting {
  readonly parts: Parts;
  readonly door: Door;
  /** What a test changes: whether the router knows the time. */
  readonly time: { trusted: boolean };
  /** Makes an invitation and answers what its token says. */
  readonly token: (request?: { admin?: boolean; for?: string }) => Promise<InvitationToken>;
}

export function inviting(house: House, router: Router): Inviting {
  const { replica, registers, key } = router;
  const time = { trusted: true };
  const some = {
    clock: systemClock,
    replica,
    registers,
    key,
    crypto,
    clockTrust: () => ({ trusted: time.trusted, why: 'a test says so' }),
    network: {
      addresses: () => router.network?.addresses() ?? [],
      peers: () => router.network?.peers() ?? [],
    },
    directory: { routerName: (peer: string) => peer.slice(0, 8) },
    home: { read: () => ({ genesis: house.genesis, psk: toHex(house.psk), sponsors: [], bootstrap: [] }) },
    author: {
      write: async ({ by, over = [], add = [] }: { by: string; over?: RecordId[]; add?: Record[] }) => {
        const op = replica.author(key, router.run, { at: Date.now(), trusted: time.trusted, by, over, add });
        router.network?.announceOp(op.envelope);
        return { op, answers: [] };
      },
    },
    invitations: new Invitations({ clock: systemClock, clockTrusted: () => time.trusted, replica }),
    evictionNews: new EvictionNews({ replica, crypto, self: key.peer }),
    notTaken: new NotTaken(replica, crypto),
  };
  const parts = some as unknown as Parts;
  return {
    parts,
    door: doorOf(() => parts),
    time,
    token: async (request = {}) => {
      const { token } = await invite(parts, { by: 'anna', admin: true, for: '10m', ...request });
      const decoded = decodeToken(token);
      if (!decoded.ok) throw new Error(decoded.why);
      return decoded.value;
    },
  };
}

/** A router comes with a token. */
export function comes(
  token: InvitationToken,
  key: SigningKey = generateKey(),
  more: Pick<NetworkOptions, 'transport'> = {},
): Promise<Admitted> {
  const signal = AbortSignal.timeout(40_000);
  return knock({ token, key, clock: systemClock, signal, ...more });
}
