import * as z from 'zod';
import { allow, block, bonus, pause } from '../commands/block.ts';
import { confirm } from '../commands/confirm.ts';
import { unallow, unblock } from '../commands/unblock.ts';
import type { Offer } from '../offer.ts';
import type { Parts } from '../parts.ts';
import { change, subject } from './params.ts';

const time = z.string().min(1).max(200);
const reason = z.string().min(1).max(200).optional();
/** It is meant so, however wide; and the address from which a person is logged in, so as not to cut it off unasked. */
const meant = { confirm: z.boolean().default(false), from: z.string().max(100).optional() };

const policy = z.strictObject({
  ...change,
  ...meant,
  first: subject,
  second: subject.optional(),
  for: time.optional(),
  until: time.optional(),
  schedule: time.optional(),
  trial: time.optional(),
  reason,
});
const lift = z.strictObject({
  ...change,
  first: subject,
  second: subject.optional(),
  all: z.boolean().default(false),
});

/** Changing what is blocked and what is excepted. */
export function offerPolicy(offer: Offer, parts: Parts): void {
  offer('block', policy, (params) => block(parts, params));
  offer('unblock', lift, (params) => unblock(parts, params));
  offer('allow', policy, (params) => allow(parts, params));
  offer('unallow', lift, (params) => unallow(parts, params));
  offer(
    'pause',
    z.strictObject({
      ...change,
      ...meant,
      what: subject,
      for: time.optional(),
      until: time.optional(),
      reason,
    }),
    (params) => pause(parts, params.until === undefined ? { ...params, for: params.for ?? '1h' } : params),
  );
  offer('bonus', z.strictObject({ ...change, what: subject, for: time.default('30m'), reason }), (params) =>
    bonus(parts, params),
  );
  offer('confirm', z.strictObject({ ...change, id: z.string().min(6).max(70).optional() }), (params) =>
    confirm(parts, params),
  );
}
