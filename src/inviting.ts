import type { Clock } from './clock.ts';
import { admitGuest, isInvitationUsed } from './control/commands/invite.ts';
import type { Parts } from './control/parts.ts';
import type { Door } from './p2p/guests.ts';
import { Invitations } from './p2p/invitations.ts';
import type { Replica } from './policy/replica.ts';
import type { Store } from './store/store.ts';

export interface InvitingOptions {
  readonly clock: Clock;
  readonly clockTrusted: () => boolean;
  readonly replica: Replica;
  readonly store: Store;
}

/** Under this name the store keeps the invitations that are open. */
const INVITATIONS = 'invitations';

/** The invitations that this router gave, those of earlier runs among them. */
export function openInvitations({ clock, clockTrusted, replica, store }: InvitingOptions): Invitations {
  return new Invitations({
    clock,
    clockTrusted,
    isUsed: (invitation) => isInvitationUsed(replica, invitation),
    load: () => Buffer.from(store.note(INVITATIONS) ?? []).toString(),
    save: (text) => store.putNote(INVITATIONS, Buffer.from(text)),
  });
}

/** Where routers come in that have one; `parts` are there by the time that one comes. */
export function doorOf(parts: () => Parts): Door {
  return {
    expects: (guest) => parts().invitations.find(guest) !== undefined,
    admit: (guest, request) => admitGuest(parts(), guest, request),
  };
}
