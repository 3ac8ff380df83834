import { describe, expect, it } from 'vitest';
import { type Rights, rulesFor } from '../../../../src/mqtt/embedded/rights.ts';

const rules = rulesFor([
  'hedgerow/+/request/#',
  'SPIN/jsonrpc/q',
  'hedgerow/home/set/+',
  'homeassistant/status',
]);
const ALL: readonly Rights[] = ['none', 'read', 'write', 'full'];
/** Who of all may. */
const who = (may: (rights: Rights) => boolean) => ALL.filter(may).join(' ');

describe('rights at the embedded broker', () => {
  for (const [topic, may] of [
    ['hedgerow/attic/state', 'read write full'],
    ['hedgerow/home/policies', 'read write full'],
    ['SPIN/traffic', 'read write full'],
    ['homeassistant/device/x/config', 'read write full'],
    ['hedgerow/attic/response/block', 'write full'],
    ['SPIN/jsonrpc/a', 'write full'],
    ['hedgerow/attic/request/block', 'full'],
    ['SPIN/jsonrpc/q', 'full'],
    ['hedgerow/home/set/x', 'full'],
    ['$SYS/x/new/clients', ''],
    ['$denied', ''],
  ] as const)
    it(`${topic} is received by: ${may || 'nobody'}`, () => {
      expect(who((rights) => rules.mayReceive(rights, topic))).toBe(may);
    });

  for (const [topic, may] of [
    ['hedgerow/attic/request/block', 'write full'],
    ['hedgerow/home/request/block/x', 'write full'],
    ['SPIN/jsonrpc/q', 'write full'],
    ['homeassistant/status', 'write full'],
    ['hedgerow/attic/request/#', ''],
    ['hedgerow/attic/request/\u0000', ''],
    ['hedgerow/+/request/x', ''],
    ['hedgerow/attic/response/block', ''],
    ['hedgerow/attic/state', ''],
    ['hedgerow/a/b/request/x', ''],
    ['SPIN/jsonrpc/a', ''],
    ['SPIN/traffic', ''],
    ['$SYS/x', ''],
    ['', ''],
    [`hedgerow/attic/request/${'x'.repeat(300)}`, ''],
  ] as const)
    it(`${topic.slice(0, 40)} is published by: ${may || 'nobody'}`, () => {
      expect(who((rights) => rules.mayPublish(rights, topic))).toBe(may);
    });

  for (const [filter, may] of [
    ['#', 'read write full'],
    ['hedgerow/+/node/#', 'read write full'],
    ['hedgerow/attic/request/#', 'read write full'],
    ['$SYS/#', ''],
    ['$share/g/#', ''],
    ['a/#/b', ''],
    ['a+', ''],
    ['', ''],
    ['a/'.repeat(20), ''],
  ] as const)
    it(`${filter} is subscribed to by: ${may || 'nobody'}`, () => {
      expect(who((rights) => rules.maySubscribe(rights, filter))).toBe(may);
    });
});
