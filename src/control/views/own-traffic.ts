import type { Subject } from '../../policy/records.ts';
import type { Parts } from '../parts.ts';

/**
 * Why a policy about a router itself is not in force on this one, in words; undefined where it can be, and for policies about
 * anything else.
 */
export function routerWords(
  { key, ownTraffic }: Pick<Parts, 'key' | 'ownTraffic'>,
  { a, b }: { readonly a: Subject; readonly b: Subject },
): string | undefined {
  const [router, far] = a.kind === 'router' ? [a, b] : [b, a];
  if (router.kind !== 'router') return undefined;
  if (far.kind === 'lan' || far.kind === 'home')
    return 'not enforceable: without the LAN nobody could reach the router any more';
  if (far.kind === 'device' || far.kind === 'router') return 'not enforceable here: the router itself';
  if (router.peer !== key.peer) return "not enforceable here: another router's own traffic";
  const why = ownTraffic?.();
  return why === undefined ? undefined : `not enforceable here: ${why}`;
}
