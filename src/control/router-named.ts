import { UsageError } from '../errors.ts';
import type { PeerKey } from '../policy/crypto.ts';
import { nearest } from './nearest.ts';

/**
 * The router that a person means: by its name, or the beginning of its key (4 digits at least). UsageError when there is none
 * or more than one. `besides`: what else could have been said, for the hint.
 */
export function routerNamed(
  routers: readonly { readonly peer: PeerKey; readonly name: string }[],
  text: string,
  besides = '',
): PeerKey {
  const word = text.toLowerCase();
  const found = routers.filter(({ name }) => name.toLowerCase() === word);
  const matches =
    found.length > 0 ? found : routers.filter(({ peer }) => word.length >= 4 && peer.startsWith(word));
  const [first, second] = matches;
  if (first !== undefined && second === undefined) return first.peer;
  if (second !== undefined) {
    const keys = matches.map(({ peer }) => peer.slice(0, 8)).join(', ');
    throw new UsageError(`"${text}" may be any of several routers`, {
      hint: `say which by its key: ${keys}`,
    });
  }
  const names = routers.map(({ name }) => name);
  const meant = nearest(text, names);
  throw new UsageError(`no router is called "${text}"`, {
    hint: meant === undefined ? `there are ${names.sort().join(', ')}${besides}` : `did you mean ${meant}?`,
  });
}
