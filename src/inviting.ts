import { admitGuest } from './control/commands/invite.ts';
import type { Parts } from './control/parts.ts';
import type { Door } from './p2p/joining/guests.ts';

/** Where routers come in that have one, and where those that were evicted hear it; `parts` are there by the time that one comes. */
export function doorOf(parts: () => Parts): Door {
  return {
    expects: (guest) => parts().invitations.find(guest) !== undefined,
    admit: (guest, request) => admitGuest(parts(), guest, request),
    farewell: {
      evictionOf: (peer) => parts().evictionNews?.evictionOf(peer),
      told: (by, op) => parts().evictionNews?.told(by, op),
      late: (op) => parts().notTaken?.late(op),
    },
  };
}
