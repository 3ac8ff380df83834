import { DataError } from '../../errors.ts';
import { decodeToken } from '../../p2p/invitation-token.ts';
import { homeIdOf } from '../../policy/genesis.ts';
import type { Parts } from '../parts.ts';
import { type JoinedView, refuseToMove } from './home.ts';

/**
 * Joins the home that a token is for: comes to its maker, is admitted, and takes that home in the place of ours. DataError when the
 * token is not whole, UsageError when this router cannot move or is refused, TemporaryError when nobody was reached.
 */
export async function join(
  parts: Parts,
  request: { token: string; dropPolicies: boolean; dryRun?: boolean },
): Promise<JoinedView> {
  const decoded = decodeToken(request.token);
  if (!decoded.ok) {
    throw new DataError(`this is not what \`hedgerow invite\` prints: ${decoded.why}`, {
      hint: 'copy the whole line that begins with hedgerow-invite1.',
    });
  }
  const token = decoded.value;
  const id = homeIdOf(token.genesis, parts.crypto);
  if (id === parts.replica.home) return { id, changed: false };
  refuseToMove(parts, request.dropPolicies);
  if (request.dryRun === true) return { id, changed: true };
  const { sponsors, bootstrap } = await parts.knock(token, id);
  const found = [...new Set([...token.addresses, ...bootstrap])];
  parts.home.replace({ genesis: token.genesis, psk: token.psk, sponsors, bootstrap: found });
  return { id, changed: true };
}
