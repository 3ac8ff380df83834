import * as z from 'zod';
import type { TopicSchema } from '../topics/schemas.ts';

/**
 * What the messages on SPIN's topics look like, as SPIN's clients read them: its commit a5185b7, with what docs/spin.md says is
 * different. Never more keys than SPIN's.
 */

const number = z.int().min(1).describe('the number of a node');
const count = z.int().min(0);
const seconds = z.int().min(0).describe('Unix seconds');
const port = z.int().min(0).max(65_535);
const name = z.string().regex(/\.$/).describe('a domain with a dot at its end');

/** What a flow and what was dropped of one have in common. */
const amount = {
  from: number,
  to: number,
  protocol: z.int().min(0).max(255).describe('IP protocol number; 0: any'),
  from_port: port,
  to_port: port,
  size: count.describe('bytes'),
  count: count.describe('packets'),
};

const said = <C extends string, S extends z.ZodRawShape>(command: C, shape: S) =>
  z.strictObject({ command: z.literal(command), ...shape });
const addresses = z.array(z.string().describe('an address; networks with their length'));

export const spinTrafficSchema = z.discriminatedUnion('command', [
  said('traffic', {
    argument: z.literal(''),
    result: z.strictObject({
      flows: z.array(z.strictObject(amount)).min(1),
      timestamp: seconds,
      total_size: count,
      total_count: count,
    }),
  }),
  said('dnsquery', { result: z.strictObject({ from: number, queriednode: number, query: name }) }),
  said('blocked', { result: z.strictObject(amount) }),
  said('block', { result: addresses }),
  said('ignore', { result: addresses }),
  said('allow', { result: addresses }),
  said('serverRestart', {}),
]);

export const spinNodeSchema = said('nodeInfo', {
  result: z.strictObject({
    id: number,
    name: z.string().optional(),
    mac: z.string().optional(),
    is_blocked: z.literal(true).optional(),
    is_excepted: z.literal(true).optional(),
    lastseen: seconds,
    ips: z.array(z.string()),
    domains: z.array(name),
  }),
});

export const spinAdminSchema = z.discriminatedUnion('command', [
  said('nodeMerged', { result: z.strictObject({ id: number, 'merged-to': number }) }),
  said('nodeDeleted', { result: z.strictObject({ id: number }) }),
]);

export const spinStatSchema = z.strictObject({
  module: z.string(),
  name: z.string(),
  type: z.literal([0, 1]).describe('0: value is a sum, 1: the greatest'),
  value: count,
  count: count.describe('values that were put together'),
});

const version = z.literal('2.0');
/** SPIN gives back whatever came as an id. */
const id = z.json().optional();

export const spinRequestSchema = z.looseObject({
  jsonrpc: version,
  id,
  method: z.string(),
  params: z.looseObject({}).optional().describe('by name, exactly those that the method takes'),
});

export const spinResponseSchema = z
  .union([
    z.strictObject({ jsonrpc: version, id, error: z.strictObject({ code: z.int(), message: z.string() }) }),
    z.strictObject({ jsonrpc: version, id, result: z.json().optional() }),
  ])
  .describe('what is answered to a request with an id; one without is answered with its bare result');

/** SPIN's topics with the names of their schemas; `+` stands for a number, or a name of a counter. */
export const spinSchemas: Readonly<Record<string, TopicSchema>> = {
  'spin-traffic': { topic: 'SPIN/traffic', schema: spinTrafficSchema },
  'spin-node': { topic: 'SPIN/traffic/node/+', schema: spinNodeSchema },
  'spin-admin': { topic: 'SPIN/traffic/admin', schema: spinAdminSchema },
  'spin-stat': { topic: 'SPIN/stat/+/+', schema: spinStatSchema },
  'spin-request': { topic: 'SPIN/jsonrpc/q', schema: spinRequestSchema },
  'spin-response': { topic: 'SPIN/jsonrpc/a', schema: spinResponseSchema },
};
