import { HedgerowError } from '../../errors.ts';
import { canonicalAddress } from '../../policy/address.ts';
import type { Subject } from '../../policy/records.ts';
import type { Parts } from '../parts.ts';
import type { Pair } from './pair.ts';
import { idsOf } from './standing.ts';

/** The name of the error that only waits for a yes; the command line asks on a terminal. */
export const UNCONFIRMED = 'ConfirmationError';

/** Wider than this (bits of the prefix) a network is half of the internet. */
const WIDEST = { v4: 8, v6: 19 } as const;

/**
 * Refuses what would cut a whole home, or the device from which it is typed, off from the internet or the others, until
 * `confirm` says that it is meant so.
 * @param from the address from which a person is logged in, if that is known
 */
export function refuseUnconfirmed(
  parts: Parts,
  pair: Pair,
  { confirm, from }: { confirm: boolean; from?: string | undefined },
): void {
  const why = confirm ? undefined : wideness(parts, pair, from);
  if (why === undefined) return;
  throw new HedgerowError(UNCONFIRMED, why, {
    hint: 'if it is meant so, repeat it with --yes (in a request: "confirm": true)',
    exitCode: 64,
  });
}

/** Why a block should be asked about first; undefined when it need not. */
export function wideness(parts: Parts, { a, b }: Pair, from: string | undefined): string | undefined {
  const far = b.subject.kind;
  if (a.subject.kind === 'home') {
    if (far === 'internet') return 'this cuts every device of the home off from the internet';
    if (far === 'lan') return 'this cuts every device of the home off from all others';
  }
  if (far === 'internet' || far === 'lan') {
    const typed = from === undefined ? undefined : canonicalAddress(from);
    const own = typed !== undefined && hasAddress(parts, a.subject, typed);
    if (own) return `this cuts off ${a.label}, from which you are typing (${typed})`;
  }
  for (const subject of membersOf(parts, b.subject)) {
    const wide = widenessOf(subject);
    if (wide !== undefined) return wide;
  }
  return undefined;
}

function widenessOf(subject: Subject): string | undefined {
  if (subject.kind === 'pattern' && !subject.suffix.includes('.'))
    return `*.${subject.suffix} is every name that ends so`;
  if (subject.kind !== 'network') return undefined;
  const [base = '', bits] = subject.prefix.split('/');
  const widest = base.includes(':') ? WIDEST.v6 : WIDEST.v4;
  return Number(bits) < widest ? `${subject.prefix} is a large part of the internet` : undefined;
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
