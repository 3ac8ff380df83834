import { UsageError } from '../../errors.ts';
import { canonicalAddress, isSpecial } from '../../policy/address.ts';
import type { Subject } from '../../policy/records.ts';
import type { Directory } from '../directory.ts';
import type { Match } from '../find.ts';
import { nearest } from '../nearest.ts';

/** Two subjects as a person meant them, with their labels. */
export interface Pair {
  readonly a: Match;
  readonly b: Match;
}

const INTERNET: Match = { subject: { kind: 'internet' }, label: 'internet' };
const HOME: Match = { subject: { kind: 'home' }, label: 'home' };
const LAN: Match = { subject: { kind: 'lan' }, label: 'lan' };

/**
 * Resolves what a person typed: near side first, the device side before what it should not reach. One subject alone means
 * its natural counterpart (policy.md, "Subjects"). UsageError lists what is ambiguous or says what cannot be.
 */
export function resolvePair(directory: Directory, first: string, second: string | undefined): Pair {
  const a = only(directory, first);
  if (second === undefined) return natural(directory, a);
  const b = only(directory, second);
  if (a.subject.kind === 'router') return ofRouter(directory, a, b);
  if (b.subject.kind === 'router') return ofRouter(directory, b, a);
  return oriented(directory, a, b);
}

/** A device, a group of devices or a router is meant with the internet; what is outside is meant for the whole home. */
export function natural(directory: Directory, one: Match): Pair {
  if (one.subject.kind === 'home' || one.subject.kind === 'router') return { a: one, b: INTERNET };
  return isNear(directory, one.subject) && one.subject.kind !== 'lan'
    ? { a: one, b: INTERNET }
    : { a: HOME, b: one };
}

/** The single thing that a text stands for. */
export function only(directory: Directory, text: string): Match {
  const matches = directory.find(text);
  const [match] = matches;
  if (match === undefined) {
    const address = canonicalAddress(text.trim().replace(/%.*$/, ''));
    if (address !== undefined && isSpecial(address))
      throw new UsageError(`${address} is never blocked: it means something on one link or machine only`, {
        hint: 'loopback, link-local, multicast and broadcast addresses always pass: DHCP and neighbour discovery live there',
      });
    const meant = nearest(text.replace(/^\w+:/, ''), directory.words());
    throw new UsageError(`nothing here is called "${text}"`, {
      hint: looksLikeAddress(text)
        ? 'an address is written as 203.0.113.7 or 2001:db8::7, a network as 203.0.113.0/24 or 2001:db8::/32'
        : `${meant === undefined ? '' : `did you mean "${meant}"? `}hedgerow devices lists what this router knows; a device behind another router is named there, or by its MAC`,
    });
  }
  if (matches.length > 1) {
    const kinds = new Set(matches.map(({ subject }) => subject.kind));
    const list = matches.map(({ subject, label }) =>
      kinds.size > 1 ? `${subject.kind}:${label}${shortId(subject)}` : `${label}${shortId(subject)}`,
    );
    throw new UsageError(`"${text}" may be ${list.join(' or ')}`, {
      hint: kinds.size > 1 ? 'write it with its kind, as listed' : 'use the beginning of the id',
    });
  }
  return match;
}

/** Nothing but digits and dots, or an address with something behind it. */
function looksLikeAddress(text: string): boolean {
  const [, host = ''] = /^(?:\w{2,}:)?([^/]*)/.exec(text.trim()) ?? [];
  return (
    /^\d[\d.]*$/.test(host) || canonicalAddress(host) !== undefined || /^[\da-f]*(:[\da-f]*){2,}$/i.test(host)
  );
}

/** One text per subject; equal subjects have equal texts. */
export function keyOf(subject: Subject): string {
  return JSON.stringify(subject, Object.keys(subject).sort());
}

/** True for what devices may stand on: a device, a group with one in it, the home. */
export function isNear(directory: Directory, subject: Subject): boolean {
  switch (subject.kind) {
    case 'device':
    case 'home':
    case 'lan':
      return true;
    case 'group': {
      const members = directory.groups().get(subject.group)?.members ?? [];
      return members.some((member) => member.subject.kind === 'device');
    }
    default:
      return false;
  }
}

function shortId(subject: Subject): string {
  return 'id' in subject ? ` (${subject.id.slice(0, 8)})` : '';
}

/** A router itself, with what is outside of the home alone: the home must always reach it. */
function ofRouter(directory: Directory, router: Match, far: Match): Pair {
  const { kind } = far.subject;
  if (kind === 'lan' || kind === 'home')
    throw new UsageError(`${router.label} is a router: without the LAN nobody could reach it any more`, {
      hint: 'for a router itself only what is outside of the home can be blocked: a domain, an address, a network, internet',
    });
  if (isNear(directory, far.subject) || kind === 'router')
    throw new UsageError(
      `${router.label} is a router of this home: what it and ${far.label} say to each other always passes`,
      {
        hint: `only what is outside of the home can be blocked for a router itself; a device of that name is written as device:NAME`,
      },
    );
  return { a: router, b: far };
}

function oriented(directory: Directory, a: Match, b: Match): Pair {
  const near = ({ subject }: Match) => isNear(directory, subject);
  const pair = near(a) || !near(b) ? { a, b } : { a: b, b: a };
  if (!near(pair.a)) {
    throw new UsageError(`neither ${a.label} nor ${b.label} is a device of this home`, {
      hint: 'a policy is between a device, a group of devices or the home, and something else; hedgerow devices lists them',
    });
  }
  if (isSame(directory, a.subject, b.subject))
    throw new UsageError(`${a.label} and ${b.label} are the same`, {
      hint: 'name something else that it should not reach, or leave it out to mean the internet',
    });
  return withWhole(directory, pair);
}

/** `tv home` means the TV and all others; `lan ads.example` means everybody and that. */
function withWhole(directory: Directory, { a, b }: Pair): Pair {
  const whole = ({ subject }: Match) => subject.kind === 'home' || subject.kind === 'lan';
  if (whole(a) && whole(b)) return { a: HOME, b: LAN };
  if (whole(b)) return { a, b: LAN };
  if (!whole(a)) return { a, b };
  return isNear(directory, b.subject) ? { a: b, b: LAN } : { a: HOME, b };
}

function isSame(directory: Directory, a: Subject, b: Subject): boolean {
  if (keyOf(a) === keyOf(b)) return true;
  const isNode = (subject: Subject) => subject.kind === 'device' || subject.kind === 'remote';
  return isNode(a) && isNode(b) && 'id' in a && 'id' in b && directory.classOf(a.id).includes(b.id);
}
