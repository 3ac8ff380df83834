import * as z from 'zod';

/** What the messages on Hedgerow's own topics look like. Programs may rely on these keys; there may come more. */

const id = z
  .string()
  .regex(/^[0-9a-f]{32}$/)
  .describe('the id of a node');
const time = z.iso.datetime().describe('ISO 8601, UTC');
const count = z.int().min(0);
const amount = z.strictObject({ packets: count, bytes: count });
const bytes = z.strictObject({ up: count, down: count }).describe('bytes from and to the device');
const peerState = z.enum(['alive', 'suspect', 'down', 'pruned', 'left', 'unknown']);
const enforcement = z
  .enum(['enforces', 'observes', 'suspended', 'cleared'])
  .describe(
    'whether it blocks what is decided: observes when it cannot, the last two when a person has halted it',
  );
const subject = z.looseObject({ kind: z.string() });
const end = z
  .strictObject({ id: z.string(), label: z.string() })
  .describe('a node; or several together, such as internet, whose id is that word');

export const stateSchema = z.enum(['online', 'offline']).describe('plain text, not JSON');

export const infoSchema = z.strictObject({
  member: z.string().describe('the id of this member of the home: its key'),
  router: z.string().describe('its name in the configuration'),
  home: z.strictObject({ id: z.string(), name: z.string().optional() }),
  digest: z.string().describe('equal on all routers that are in step'),
  enforcing: z.boolean(),
  enforcement,
  halted: z
    .strictObject({
      by: z.string(),
      minutesLeft: count.optional().describe('absent when it does not end by itself'),
    })
    .optional()
    .describe('a person has halted enforcement on this router'),
  backend: z.string(),
  reach: z
    .strictObject({
      inside: z
        .array(z.string())
        .describe('interfaces of the LAN whose devices are kept apart also where no router is between them'),
      notInside: z.array(z.string()).describe('the other interfaces of the LAN'),
      notOwn: z
        .string()
        .optional()
        .describe('why what this router itself sends and receives is not judged; absent where it is'),
    })
    .describe('what is judged besides what this router forwards'),
  devices: count,
  policies: count,
  routers: z.strictObject({ members: count, alive: count, inStep: count }),
  clockTrusted: z.boolean(),
  problems: z.array(z.string()).describe('what is wrong, in words'),
});

export const peersSchema = z.array(
  z.strictObject({
    router: z.string(),
    member: z.string(),
    state: peerState,
    inStep: z.boolean().optional().describe('holds the same changes; absent when it has not said'),
    applied: z.boolean().describe('its kernel holds what ours holds'),
    enforcement: enforcement
      .optional()
      .describe('whether it blocks what is decided; absent when it has not said'),
    admin: z.boolean(),
    rttMs: z.number().optional(),
    lastError: z.string().optional(),
  }),
);

export const enforcedSchema = z.array(
  z.strictObject({
    id: z.string().describe('the id of the policy'),
    enforced: z.boolean(),
    why: z.string().optional().describe('why there is nothing of it in the kernel, or what is not'),
    held: z.string().describe('what is in force for whom, in the words of hedgerow policies'),
    addresses: count,
    networks: count,
    wide: count,
    dropped: amount
      .optional()
      .describe('what it has dropped on this router, over restarts; absent where nobody can tell'),
  }),
);

export const deviceHereSchema = z.strictObject({
  id,
  firstSeen: z.strictObject({ at: time, trusted: z.boolean() }).optional(),
  bytes: bytes.optional().describe('all that this router has counted'),
  bytesToday: bytes.optional().describe('since midnight where the home is'),
});

export const flowsSchema = z.strictObject({
  flows: z.array(
    z.strictObject({
      device: end,
      other: end,
      otherIsDevice: z.boolean(),
      protocol: z.string(),
      port: count,
      up: amount.optional().describe('absent where the kernel does not count'),
      down: amount.optional(),
      began: count.describe('connections that began'),
    }),
  ),
  dropped: z.array(z.strictObject({ device: end, other: end, packets: count, bytes: count })),
  more: count.describe('flows and drops that were left out: the message would be too long'),
});

const happened = <K extends string, S extends z.ZodRawShape>(kind: K, shape: S) =>
  z.strictObject({ at: time, kind: z.literal(kind), ...shape });
const policyNews = { id: z.string(), text: z.string(), by: z.string(), router: z.string() };

export const eventSchema = z.discriminatedUnion('kind', [
  happened('device.new', { id, label: z.string(), vendor: z.string().optional() }),
  happened('node.gone', { id, device: z.boolean() }),
  happened('node.merged', { id, into: id }),
  happened('node.split', { id, from: id }),
  happened('blocked', { device: z.string(), other: z.string(), packets: count, bytes: count }),
  happened('policy.made', policyNews),
  happened('policy.lifted', policyNews),
  happened('router', { router: z.string(), state: peerState }),
  happened('enforcement', { router: z.string(), state: enforcement }),
]);

export const policiesSchema = z.array(
  z.strictObject({
    id: z.string(),
    kind: z.string().describe('block, allow or ignore'),
    a: z.strictObject({ subject, label: z.string() }),
    b: z.strictObject({ subject, label: z.string() }),
    by: z.string(),
    router: z.string(),
    at: time,
    reason: z.string().optional(),
    terms: z.looseObject({}),
    time: z.string().describe('for how long, in words'),
    alsoAffects: z.array(z.string()),
    alsoAffectsMore: count,
  }),
);

export const routersSchema = z.array(
  z.strictObject({
    router: z.string(),
    member: z.string(),
    admin: z.boolean(),
    state: peerState,
    inStep: z.boolean().optional(),
    enforcement: enforcement.optional(),
  }),
);

export const nodeSchema = z.strictObject({
  id,
  ids: z.array(id).describe('every id that is the same node'),
  label: z.string(),
  device: z.boolean(),
  names: z.array(z.string()),
  given: z.array(z.string()).describe('the names that people gave it'),
  groups: z.array(z.string()),
  ignored: z.boolean(),
  macs: z.array(z.string()),
  randomisedMac: z.boolean(),
  addresses: z.array(z.strictObject({ address: z.string(), segment: z.string().optional() })),
  domains: z.array(z.string()),
  vendor: z.string().optional(),
  router: z.string().optional().describe('the router that it is behind'),
  places: z
    .array(z.strictObject({ router: z.string(), here: z.boolean(), segments: z.array(z.string()) }))
    .optional(),
  bytes: bytes.optional().describe('over all routers, to within 2 %'),
});

export const adminSchema = z.strictObject({ id, merged_to: id });

const transaction = z.union([z.string().max(100), z.number()]);

export const requestSchema = z
  .looseObject({ transaction: transaction.optional() })
  .describe('the parameters of the command; empty where it takes none');

export const responseSchema = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('ok'), transaction: transaction.optional(), data: z.json() }),
  z.strictObject({
    status: z.literal('error'),
    transaction: transaction.optional(),
    error: z.strictObject({
      name: z.string(),
      message: z.string(),
      hint: z.string().optional(),
      exitCode: z.int().describe('as of the command line, sysexits(3)'),
    }),
  }),
]);

/** What is said on a topic, or on all that a filter has. */
export interface TopicSchema {
  readonly topic: string;
  readonly schema: z.ZodType;
  /** The payload is the text itself, not JSON. */
  readonly plain?: true;
}

/** Hedgerow's own topics with the names of their schemas; `+` stands for a router's name, an id or a command. */
export const topicSchemas: Readonly<Record<string, TopicSchema>> = {
  state: { topic: 'hedgerow/+/state', schema: stateSchema, plain: true },
  info: { topic: 'hedgerow/+/info', schema: infoSchema },
  peers: { topic: 'hedgerow/+/peers', schema: peersSchema },
  enforced: { topic: 'hedgerow/+/policies', schema: enforcedSchema },
  'device-here': { topic: 'hedgerow/+/node/+', schema: deviceHereSchema },
  flows: { topic: 'hedgerow/+/flows', schema: flowsSchema },
  event: { topic: 'hedgerow/+/event', schema: eventSchema },
  policies: { topic: 'hedgerow/home/policies', schema: policiesSchema },
  routers: { topic: 'hedgerow/home/routers', schema: routersSchema },
  node: { topic: 'hedgerow/home/node/+', schema: nodeSchema },
  admin: { topic: 'hedgerow/home/admin', schema: adminSchema },
  request: { topic: 'hedgerow/+/request/+', schema: requestSchema },
  response: { topic: 'hedgerow/+/response/+', schema: responseSchema },
};
