import { expect } from 'vitest';
import type { ChangeRequest } from '../../../src/control/commands/change.ts';
import { addToGroup } from '../../../src/control/commands/groups.ts';
import { livePolicies } from '../../../src/control/commands/standing.ts';
import type { Subject } from '../../../src/policy/records.ts';
import { answer, type FakeParts, fakeParts, see } from '../../support/parts.ts';

export const [TV, PHONE] = ['02:00:00:00:01:01', '02:00:00:00:01:02'];
export const how: ChangeRequest = { by: 'anna', wait: true, dryRun: false };

export interface House extends FakeParts {
  readonly tv: string;
  readonly phone: string;
}

export function house(): House {
  const parts = fakeParts();
  const tv = see(parts, TV, '192.168.1.20', 'tv');
  const phone = see(parts, PHONE, '192.168.1.30', 'phone');
  answer(parts, 'ads.example', '203.0.113.20');
  return { ...parts, tv, phone };
}

/** The live blocks as `a|b`. */
export const blocks = (parts: FakeParts) => pairs(parts, 'block');
/** The live allows as `a|b`. */
export const allows = (parts: FakeParts) => pairs(parts, 'allow');

const pairs = (parts: FakeParts, kind: 'block' | 'allow') =>
  policies(parts, kind)
    .map(({ record }) => `${text(record.a)}|${text(record.b)}`)
    .sort();

/** The live blocks or allows. */
export const policies = (parts: FakeParts, kind: 'block' | 'allow') => livePolicies(parts, kind);

const text = (subject: Subject) => {
  switch (subject.kind) {
    case 'device':
    case 'remote':
      return subject.id;
    case 'domain':
      return subject.domain;
    case 'pattern':
      return `*.${subject.suffix}`;
    case 'network':
      return subject.prefix;
    case 'group':
      return subject.group;
    default:
      return subject.kind;
  }
};

/** Puts devices and others into a group. */
export const put = (parts: FakeParts, group: string, ...subjects: string[]) =>
  addToGroup(parts, { ...how, group, subjects });

const error = (name: string) => (message: string | RegExp, hint?: string) =>
  expect.objectContaining({
    name,
    message: expect.stringMatching(message),
    ...(hint === undefined ? {} : { hint: expect.stringContaining(hint) }),
  });
export const usage = error('UsageError');
export const wide = error('ConfirmationError');
export const temporary = error('TemporaryError');
