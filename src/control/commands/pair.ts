import { UsageError } from '../../errors.ts';
import type { Record, Subject } from '../../policy/records.ts';
import type { Live } from '../../policy/replica.ts';
import type { Directory, Match } from '../directory.ts';
import type { Parts } from '../parts.ts';

/** Two subjects as a person meant them, with their labels. */
export interface Pair {
  readonly a: Match;
  readonly b: Match;
}

/**
 * Resolves what a person typed. One subject alone means its natural counterpart: a domain or a remote is meant for the
 * whole home. UsageError lists what is ambiguous or says what is unknown.
 */
export function resolvePair(directory: Directory, first: string, second: string | undefined): Pair {
  const a = only(directory, first);
  if (second !== undefined) return oriented(a, only(directory, second));
  if (a.subject.kind !== 'domain' && a.subject.kind !== 'remote') {
    throw new UsageError(`say what ${a.label} should not reach`, {
      hint: `for example: hedgerow block ${first} ads.example`,
    });
  }
  return { a: { subject: { kind: 'home' }, label: 'home' }, b: a };
}

/** The single thing that a text stands for. */
export function only(directory: Directory, text: string): Match {
  const matches = directory.find(text);
  const [match] = matches;
  if (match === undefined) {
    throw new UsageError(`nothing here is called "${text}"`, {
      hint: 'hedgerow devices lists what this router knows; a device behind another router is named there, or by its MAC',
    });
  }
  if (matches.length > 1) {
    const list = matches.map(
      ({ subject, label }) => `${label} (${'id' in subject ? subject.id.slice(0, 8) : ''})`,
    );
    throw new UsageError(`"${text}" may be ${list.join(' or ')}`, { hint: 'use the beginning of the id' });
  }
  return match;
}

/** The live blocks of exactly this pair, either way round. */
export function blocksOf(parts: Parts, a: Subject, far: readonly Subject[]): Live[] {
  const near = keyOf(a);
  const wanted = new Set(far.map(keyOf));
  return [...parts.replica.live.values()].filter(({ record }) => {
    if (record.kind !== 'block') return false;
    const [x, y] = [keyOf(record.a), keyOf(record.b)];
    return (x === near && wanted.has(y)) || (y === near && wanted.has(x));
  });
}

/** One text per subject; equal subjects have equal texts. */
export function keyOf(subject: Subject): string {
  return JSON.stringify(subject, Object.keys(subject).sort());
}

/** The device or the home first. */
function oriented(a: Match, b: Match): Pair {
  const near = (match: Match) => match.subject.kind === 'device' || match.subject.kind === 'home';
  const pair = near(a) || !near(b) ? { a, b } : { a: b, b: a };
  if (!near(pair.a)) {
    throw new UsageError(`neither ${a.label} nor ${b.label} is a device of this home`, {
      hint: 'a block is between a device (or the home) and something else; hedgerow devices lists them',
    });
  }
  if (keyOf(a.subject) === keyOf(b.subject)) throw new UsageError(`${a.label} and ${b.label} are the same`);
  const [device, whole] = pair.a.subject.kind === 'home' ? [pair.b, pair.a] : [pair.a, pair.b];
  if (whole.subject.kind === 'home' && near(device)) {
    throw new UsageError(`${device.label} cannot be blocked from the whole home yet`, {
      hint: 'name what it should not reach',
    });
  }
  return pair;
}

/** The record of a block without terms. */
export function blockRecord(a: Subject, b: Subject, reason: string | undefined): Record {
  return { kind: 'block', a, b, terms: reason === undefined ? {} : { reason }, apart: [] };
}
