import {
  availabilityTopic,
  commandTopic,
  deviceKey,
  idOf,
  type Key,
  onlineTopic,
  routerKey,
  routerTopic,
  slug,
  stateTopic,
} from './names.ts';

/**
 * The payload that announces a device with its entities, in Home Assistant's own abbreviations (home-assistant.io, MQTT,
 * "Device discovery payload"). Its root is read strictly: a key that is not known there refuses the whole device.
 */
export interface Discovery {
  readonly dev: {
    readonly ids: readonly string[];
    readonly name: string;
    readonly mf?: string;
    readonly mdl?: string;
    readonly via_device?: string;
  };
  readonly o: { readonly name: string };
  readonly avty: readonly Availability[];
  readonly avty_mode: 'all';
  readonly stat_t: string;
  readonly qos: 1;
  readonly cmps: Readonly<Record<string, Component>>;
}

interface Availability {
  readonly t: string;
}

/** One entity; `p` is its platform. */
interface Component {
  readonly p: 'switch' | 'sensor' | 'binary_sensor' | 'button';
  readonly name: string;
  readonly unique_id: string;
  readonly default_entity_id: string;
  readonly [option: string]: string | readonly Availability[];
}

/** A device as it is announced. */
export interface AnnouncedDevice {
  readonly id: string;
  readonly name: string;
  readonly vendor: string | undefined;
  /** The key of the router that it is behind. */
  readonly via: Key | undefined;
}

/** A router as it is announced; `level`: its name in the topics, undefined while it is not on this broker. */
export interface AnnouncedRouter {
  readonly peer: string;
  readonly name: string;
  readonly level: string | undefined;
}

const ORIGIN = { name: 'Hedgerow' };
const BYTES = { dev_cla: 'data_size', stat_cla: 'total_increasing', unit_of_meas: 'B' };

/** The lengths of a pause that have a button each: what is pressed, and what it is called. */
export const PAUSES: ReadonlyMap<string, string> = new Map([
  ['10m', 'Pause 10 min'],
  ['1h', 'Pause 1 hour'],
  ['morning', 'Pause till morning'],
]);

/** @param speaker the router that announces, by its name in the topics: when it is gone nothing here is heard */
export function deviceDiscovery({ id, name, vendor, via }: AnnouncedDevice, speaker: string): Discovery {
  const key = deviceKey(id);
  const entity = entities(key, name);
  const agent = [{ t: onlineTopic(speaker) }];
  const pauses = [...PAUSES].map(([length, title]) => [
    `pause_${length}`,
    // A device that is away can be blocked all the same.
    entity('button', `pause_${length}`, title, {
      cmd_t: commandTopic(id, 'pause'),
      pl_prs: length,
      ic: 'mdi:timer-pause-outline',
      avty: agent,
    }),
  ]);
  return {
    dev: {
      ids: [idOf(key)],
      name,
      ...(vendor === undefined ? {} : { mf: vendor }),
      ...(via === undefined ? {} : { via_device: idOf(via) }),
    },
    o: ORIGIN,
    avty: [...agent, { t: availabilityTopic(key) }],
    avty_mode: 'all',
    stat_t: stateTopic(key),
    qos: 1,
    cmps: {
      block: entity('switch', 'block_internet', 'Block internet', {
        cmd_t: commandTopic(id, 'block'),
        val_tpl: '{{ value_json.block }}',
        pl_on: 'ON',
        pl_off: 'OFF',
        ic: 'mdi:web-off',
        avty: agent,
      }),
      down: entity('sensor', 'downloaded', 'Downloaded', {
        ...BYTES,
        val_tpl: '{{ value_json.down }}',
        ic: 'mdi:download',
      }),
      up: entity('sensor', 'uploaded', 'Uploaded', {
        ...BYTES,
        val_tpl: '{{ value_json.up }}',
        ic: 'mdi:upload',
      }),
      connected: entity('binary_sensor', 'connected', 'Connected', {
        dev_cla: 'connectivity',
        val_tpl: '{{ value_json.connected }}',
        pl_on: 'ON',
        pl_off: 'OFF',
      }),
      ...Object.fromEntries(pauses),
    },
  };
}

/** @param speaker as for {@link deviceDiscovery}; the router itself may be another one */
export function routerDiscovery({ peer, name, level }: AnnouncedRouter, speaker: string): Discovery {
  const key = routerKey(peer);
  const agent = [{ t: onlineTopic(speaker) }];
  return {
    dev: { ids: [idOf(key)], name, mdl: 'Hedgerow router' },
    o: ORIGIN,
    avty: agent,
    avty_mode: 'all',
    stat_t: stateTopic(key),
    qos: 1,
    cmps: {
      connected: entities(key, name)('binary_sensor', 'connected', 'Connected', {
        dev_cla: 'connectivity',
        val_tpl: '{{ value_json.connected }}',
        pl_on: 'ON',
        pl_off: 'OFF',
      }),
      ...(level === undefined ? {} : ownEntities(key, name, level)),
    },
  };
}

/** What a router tells of itself, as long as it is online. */
function ownEntities(key: Key, name: string, level: string): Record<string, Component> {
  const own = { stat_t: routerTopic(level), avty: [{ t: onlineTopic(level) }] };
  const entity = entities(key, name);
  return {
    reachable: entity('sensor', 'members_reachable', 'Members reachable', {
      ...own,
      stat_cla: 'measurement',
      val_tpl: '{{ value_json.reachable }}',
      ic: 'mdi:router-network',
    }),
    policies: entity('sensor', 'policies_in_force', 'Policies in force', {
      ...own,
      stat_cla: 'measurement',
      val_tpl: '{{ value_json.policies }}',
      ic: 'mdi:shield-check',
    }),
    last_sync: entity('sensor', 'last_sync', 'Last sync', {
      ...own,
      dev_cla: 'timestamp',
      ent_cat: 'diagnostic',
      val_tpl: '{{ value_json.last_sync }}',
    }),
    problem: entity('binary_sensor', 'enforcing_problem', 'Enforcing problem', {
      ...own,
      dev_cla: 'problem',
      val_tpl: '{{ value_json.problem }}',
      pl_on: 'ON',
      pl_off: 'OFF',
    }),
  };
}

/** Makes the entities of one thing: what they are called in all of Home Assistant, and where they begin to be found. */
function entities(key: Key, name: string) {
  return (
    platform: Component['p'],
    what: string,
    title: string,
    options: Readonly<Record<string, string | readonly Availability[]>>,
  ): Component => ({
    p: platform,
    name: title,
    unique_id: `${idOf(key)}_${what}`,
    default_entity_id: `${platform}.${slug(name)}_${what}`,
    ...options,
  });
}
