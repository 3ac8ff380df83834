import * as z from 'zod';
import type { TopicSchema } from '../topics/schemas.ts';
import { PAUSES } from './discovery.ts';

/** What the messages look like that Home Assistant reads, and those that it sends. */

const text = z.string().min(1);
const topic = text.regex(/^[^+#]+$/);
const template = z.string().regex(/^\{\{.+\}\}$/);
const icon = z.string().regex(/^mdi:[a-z0-9-]+$/);
const onOff = z.enum(['ON', 'OFF']);
const bytes = z.int().min(0).nullable().describe('bytes; null: nobody counts');
const availability = z.array(z.strictObject({ t: topic })).min(1);

/** An entity of one platform; what it does not say itself it has from the device. */
const entity = <P extends string, S extends z.ZodRawShape>(platform: P, shape: S) =>
  z.strictObject({
    p: z.literal(platform),
    name: text,
    unique_id: z.string().regex(/^hedgerow_[dr]_[A-Za-z0-9_]+$/),
    default_entity_id: z.string().regex(new RegExp(`^${platform}\\.[a-z0-9_]+$`)),
    avty: availability.optional(),
    ...shape,
  });

/** home-assistant.io, MQTT, "Device discovery payload" and the pages of the four platforms: of these what is said here. */
export const discoverySchema = z
  .strictObject({
    dev: z.strictObject({
      ids: z.array(text).min(1),
      name: text,
      mf: text.optional(),
      mdl: text.optional(),
      via_device: text.optional(),
    }),
    o: z.strictObject({ name: z.literal('Hedgerow') }),
    avty: availability,
    avty_mode: z.literal('all'),
    stat_t: topic,
    qos: z.literal(1),
    cmps: z.record(
      z.string().regex(/^[a-z0-9_]+$/),
      z.discriminatedUnion('p', [
        entity('switch', { cmd_t: topic, val_tpl: template, pl_on: onOff, pl_off: onOff, ic: icon }),
        entity('sensor', {
          val_tpl: template,
          dev_cla: z.enum(['data_size', 'timestamp']).optional(),
          stat_cla: z.enum(['total_increasing', 'measurement']).optional(),
          unit_of_meas: z.literal('B').optional(),
          ent_cat: z.literal('diagnostic').optional(),
          stat_t: topic.optional(),
          ic: icon.optional(),
        }),
        entity('binary_sensor', {
          val_tpl: template,
          dev_cla: z.enum(['connectivity', 'problem']),
          pl_on: onOff,
          pl_off: onOff,
          stat_t: topic.optional(),
        }),
        entity('button', { cmd_t: topic, pl_prs: text, ic: icon }),
      ]),
    ),
  })
  .describe("in Home Assistant's abbreviations, which reads the root strictly");

export const deviceStateSchema = z
  .strictObject({ block: onOff, connected: onOff, down: bytes, up: bytes })
  .describe('of a device');
const memberStateSchema = z.strictObject({ connected: onOff }).describe('of a router');

export const routerStateSchema = z.strictObject({
  reachable: z.int().min(0).describe('members of the home that it reaches, itself among them'),
  policies: z.int().min(0).describe('in force'),
  last_sync: z.iso.datetime().nullable().describe('ISO 8601, to within five minutes; null: not yet'),
  problem: onOff.describe('ON: what should be blocked is not, here'),
});

/** Home Assistant's topics with the names of their schemas; `+` stands for a key, an id or a router's name. */
export const homeAssistantSchemas: Readonly<Record<string, TopicSchema>> = {
  'ha-config': { topic: 'homeassistant/device/+/config', schema: discoverySchema },
  'ha-state': { topic: 'hedgerow/home/ha/+', schema: z.union([deviceStateSchema, memberStateSchema]) },
  'ha-availability': {
    topic: 'hedgerow/home/ha/+/availability',
    schema: z.enum(['online', 'offline']).describe('plain text, not JSON'),
    plain: true,
  },
  'ha-router': { topic: 'hedgerow/+/ha', schema: routerStateSchema },
  'ha-block': {
    topic: 'hedgerow/home/request/ha/+/block',
    schema: onOff.describe('plain text, not JSON'),
    plain: true,
  },
  'ha-pause': {
    topic: 'hedgerow/home/request/ha/+/pause',
    schema: z.enum([...PAUSES.keys()]).describe('plain text, not JSON'),
    plain: true,
  },
  'ha-status': {
    topic: 'homeassistant/status',
    schema: z.enum(['online', 'offline']).describe('plain text, not JSON'),
    plain: true,
  },
};
