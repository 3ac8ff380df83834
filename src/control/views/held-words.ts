import type { PolicyView } from './policies.ts';

/** `1 device`, `3 devices`. */
export function several(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** What this router makes of a policy, in words for people: what is in its kernel, for whom, and what is not. */
export function heldWords({ kind, a, b, here }: Pick<PolicyView, 'kind' | 'a' | 'b' | 'here'>): string {
  const { enforced, why, addresses, networks, wide } = here;
  if (!enforced) return why ?? 'not enforced';
  const sides = [a.subject.kind, b.subject.kind];
  const own = sides.includes('router');
  const whole = sides.includes('internet') ? 'the internet' : 'all other devices';
  const parts = [
    addresses > 0 ? several(addresses, 'address', 'addresses') : '',
    networks > 0 ? several(networks, 'network') : '',
    wide > 0 ? `${whole}${own ? '' : ` for ${several(wide, 'device')}`}` : '',
  ].filter((part) => part !== '');
  const held = `${kind === 'allow' ? 'excepted' : 'blocked'}: ${parts.join(', ')}`;
  return [held, own ? ' for this router itself' : '', why === undefined ? '' : `; ${why}`].join('');
}
