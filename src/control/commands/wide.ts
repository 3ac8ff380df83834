import { HedgerowError } from '../../errors.ts';
import { canonicalAddress } from '../../policy/address.ts';
import type { Subject } from '../../policy/records.ts';
import type { Parts } from '../parts.ts';
import type { Affected } from './affects.ts';
import type { Pair } from './pair.ts';
import { idsOf } from './standing.ts';

/** The name of the error that only waits for a yes; the command line asks on a terminal. */
export const UNCONFIRMED = 'ConfirmationError';

/** Wider than this (bits of the prefix) a network is half of the internet. */
const WIDEST = { v4: 8, v6: 19 } as const;

/** More devices than this are cut by nobody's slip. */
const MANY_DEVICES = 10;
/** An address at which more other names than this were seen is a whole provider's. */
const MANY_NAMES = 10;
const NAMED = 3;

/** Refuses a change until `confirm` says that it is meant so. */
export function refuseUnconfirmed(why: string | undefined): void {
  if (why === undefined) return;
  throw new HedgerowError(UNCONFIRMED, why, {
    hint: 'if it is meant so, repeat it with --yes (in a request: "confirm": true)',
    exitCode: 64,
  });
}

/**
 * Why a block should be asked about first; undefined when it need not: it would cut a whole home, many devices, or the device from
 * which it is typed, off from the internet or the others, or leave a device with neither.
 * @param from the address from which a person is logged in, if that is known
 */
export function wideness(parts: Parts, { a, b }: Pair, from: string | undefined): string | undefined {
  const far = b.subject.kind;
  if (a.subject.kind === 'home') {
    if (far === 'internet') return 'this cuts every device of the home off from the internet';
    if (far === 'lan') return 'this cuts every device of the home off from all others';
  }
  if (a.subject.kind === 'router' && far === 'internet')
    return `this cuts the router ${a.label} itself off from the internet: its updates, DNS over HTTPS, its tunnels and remote access to it end; ssh, plain DNS, the time and what it forwards go on`;
  if (far === 'internet' || far === 'lan') {
    const typed = from === undefined ? undefined : canonicalAddress(from);
    const own = typed !== undefined && hasAddress(parts, a.subject, typed);
    if (own) return `this cuts off ${a.label}, from which you are typing (${typed})`;
    const whole = far === 'internet' ? 'the internet' : 'all other devices';
    const devices = membersOf(parts, a.subject).filter(({ kind }) => kind === 'device').length;
    if (devices > MANY_DEVICES) return `this cuts ${devices} devices (${a.label}) off from ${whole}`;
    const other = far === 'internet' ? 'lan' : 'internet';
    if (isCut(parts, a.subject, other))
      return `this cuts ${a.label} off from everything: ${other === 'lan' ? 'all other devices are' : 'the internet is'} blocked for it already`;
  }
  for (const subject of membersOf(parts, b.subject)) {
    const wide = widenessOf(subject);
    if (wide !== undefined) return wide;
  }
  return undefined;
}

/** Why a block of one name should be asked about first: so many others stand at the same addresses. */
export function sharedBy({ b }: Pair, { names, more }: Affected): string | undefined {
  const count = names.length + more;
  if (count <= MANY_NAMES || (b.subject.kind !== 'domain' && b.subject.kind !== 'remote')) return undefined;
  const some = names.slice(0, NAMED).join(', ');
  return `${count} other names share an address with ${b.label} (${some} …), and are blocked with it`;
}

function widenessOf(subject: Subject): string | undefined {
  if (subject.kind === 'pattern' && !subject.suffix.includes('.'))
    return `*.${subject.suffix} is every name that ends so`;
  if (subject.kind !== 'network') return undefined;
  const [base = '', bits] = subject.prefix.split('/');
  const widest = base.includes(':') ? WIDEST.v6 : WIDEST.v4;
  return Number(bits) < widest ? `${subject.prefix} is a large part of the internet` : undefined;
}

/** Whether `internet` or `lan` is blocked now for what is meant. */
function isCut(parts: Parts, subject: Subject, wide: 'internet' | 'lan'): boolean {
  const { owners } = parts.blockSet();
  return membersOf(parts, subject)
    .flatMap((member) => idsOf(parts, member))
    .some((id) => owners.get(id)?.[wide] !== undefined);
}

function hasAddress(parts: Parts, subject: Subject, address: string): boolean {
  return membersOf(parts, subject)
    .flatMap((member) => idsOf(parts, member))
    .some((id) => parts.directory.node(id)?.addresses.some((binding) => binding.address === address));
}

function membersOf({ directory }: Parts, subject: Subject): Subject[] {
  if (subject.kind !== 'group') return [subject];
  return (directory.groups().get(subject.group)?.members ?? []).map((member) => member.subject);
}
