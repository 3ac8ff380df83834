/** Where Home Assistant's topics lie, and what its things are called there. */

/** What one device or router of the home is called in topics and ids; stable for as long as it is the same one. */
export type Key = `d_${string}` | `r_${string}`;

/** @param id of the device's class, 32 hex digits */
export function deviceKey(id: string): Key {
  return `d_${id}`;
}

/** @param peer the router's key; its beginning is enough to tell it from the others of a home */
export function routerKey(peer: string): Key {
  return `r_${peer.slice(0, 16).replaceAll(/[^A-Za-z0-9]/g, '_')}`;
}

/** The identifier of a device in Home Assistant's registry, and the beginning of the unique ids of its entities. */
export function idOf(key: Key): string {
  return `hedgerow_${key}`;
}

/** Where a device is announced (home-assistant.io, MQTT, "Discovery topic"); others announce theirs beside it. */
export function configTopic(prefix: string, key: Key): string {
  return `${prefix}/device/${idOf(key)}/config`;
}

/** The filter that has all of them, and those of others. */
export function configFilter(prefix: string): string {
  return `${prefix}/device/+/config`;
}

/** True for the topics of {@link configTopic}. */
export function isConfigTopic(prefix: string, topic: string): boolean {
  const rest = topic.startsWith(`${prefix}/device/`) ? topic.slice(prefix.length + '/device/'.length) : '';
  return /^hedgerow_[dr]_[A-Za-z0-9_]+\/config$/.test(rest);
}

const STATES = 'hedgerow/home/ha';
const COMMANDS = 'hedgerow/home/request/ha';

/** All that is told of the home's devices and routers. */
export const STATE_FILTER = `${STATES}/#`;
/** The states of devices, one level each. */
export const DEVICE_STATE_FILTER = `${STATES}/+`;
/** What Home Assistant asks for. */
export const COMMAND_FILTER = `${COMMANDS}/+/+`;

export function stateTopic(key: Key): string {
  return `${STATES}/${key}`;
}

export function availabilityTopic(key: Key): string {
  return `${STATES}/${key}/availability`;
}

/** @param topic as the broker has it; undefined when it is not the state of a device */
export function deviceOfState(topic: string): string | undefined {
  const [, id] = /^hedgerow\/home\/ha\/d_([0-9a-f]{32})$/.exec(topic) ?? [];
  return id;
}

export type What = 'block' | 'pause';

export function commandTopic(id: string, what: What): string {
  return `${COMMANDS}/${id}/${what}`;
}

/** What a topic asks for, and of which device; undefined for rubbish. */
export function commandOf(topic: string): { readonly id: string; readonly what: What } | undefined {
  const [, id, what] = /^hedgerow\/home\/request\/ha\/([0-9a-f]{32})\/(block|pause)$/.exec(topic) ?? [];
  return id === undefined || what === undefined ? undefined : { id, what: what as What };
}

/** What a router tells of itself alone. @param router its level in the topics */
export function routerTopic(router: string): string {
  return `hedgerow/${router}/ha`;
}

/** Whether a router is on the broker: `online`, or `offline` as its last will. */
export function onlineTopic(router: string): string {
  return `hedgerow/${router}/state`;
}

/** A name as the second half of an entity id: `Living room TV` → `living_room_tv`. */
export function slug(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
    .slice(0, 48);
  return plain === '' ? 'unnamed' : plain;
}
