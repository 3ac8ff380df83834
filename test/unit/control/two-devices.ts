import { expect } from 'vitest';
import type { ChangeRequest } from '../../../src/control/commands/block.ts';
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
export const blocks = (parts: FakeParts) =>
  [...parts.replica.live.values()]
    .flatMap(({ record }) => (record.kind === 'block' ? [`${text(record.a)}|${text(record.b)}`] : []))
    .sort();
const text = (subject: Subject) =>
  'id' in subject ? subject.id : 'domain' in subject ? subject.domain : subject.kind;
export const usage = (message: string | RegExp, hint?: string) =>
  expect.objectContaining({
    name: 'UsageError',
    message: expect.stringMatching(message),
    ...(hint === undefined ? {} : { hint: expect.stringContaining(hint) }),
  });
