import { DataError } from '../../errors.ts';
import { decodeToken, TOKEN_PREFIX } from '../../p2p/joining/invitation-token.ts';
import type { Parts } from '../parts.ts';
import { type JoinedView, refuseToMove } from './home.ts';

/**
 * Joins the home that a token is for: comes to a router of it, is admitted, and takes that home in the place of ours. DataError when
 * the token is not whole, UsageError when this router cannot move or is refused, TemporaryError when nobody was reached.
 */
export async function join(
  parts: Parts,
  request: { token: string; dropPolicies: boolean; dryRun?: boolean },
): Promise<JoinedView> {
  const decoded = decodeToken(request.token);
  if (!decoded.ok) {
    throw new DataError(`this is not what \`hedgerow invite\` prints: ${decoded.why}`, {
      hint: `copy the whole line that begins with ${TOKEN_PREFIX}`,
    });
  }
  const token = decoded.value;
  const id = token.home;
  if (id === parts.replica.home) return { id, changed: false };
  refuseToMove(parts, request.dropPolicies);
  if (request.dryRun === true) return { id, changed: true };
  const { genesis, sponsors, bootstrap } = await parts.knock(token);
  const found = [...new Set([...token.admins.flatMap(({ addresses }) => addresses), ...bootstrap])];
  parts.home.replace({ genesis, psk: token.psk, sponsors, bootstrap: found });
  return { id, changed: true };
}
