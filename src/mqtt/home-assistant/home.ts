import type { Clock } from '../../clock.ts';
import type { Method } from '../../control/offer.ts';
import type { Recent } from '../../control/recent.ts';
import { failureOf } from '../../control/rpc.ts';
import type { DeviceView } from '../../control/views/nodes.ts';
import { isThere } from '../../control/views/peer-words.ts';
import type { Log } from '../../log.ts';
import type { Arrived, Message } from '../link.ts';
import { look } from '../look.ts';
import type { Publication, Turn } from '../publication.ts';
import type { RouterName } from '../router-name.ts';
import { memberIn } from '../speaker.ts';
import { Announcements } from './announcements.ts';
import { chosenOf } from './chosen.ts';
import { fulfil, wishOf } from './commands.ts';
import { DeviceStates } from './device-states.ts';
import { routerDiscovery } from './discovery.ts';
import {
  availabilityTopic,
  COMMAND_FILTER,
  commandOf,
  configFilter,
  configTopic,
  DEVICE_STATE_FILTER,
  deviceKey,
  deviceOfState,
  isConfigTopic,
  type Key,
  routerKey,
  STATE_FILTER,
  stateTopic,
} from './names.ts';

export interface HomeAssistantOptions {
  readonly methods: () => ReadonlyMap<string, Method>;
  /** Home Assistant's discovery prefix. */
  readonly prefix: string;
  readonly name: RouterName;
  readonly clock: Clock;
  readonly log: Log;
}

/** Presence and names are looked at so often at most, and everything at least, milliseconds. Policies at once. */
const LOOK_MS = 5_000;
const LOOK_ANYWAY_MS = 15_000;
/** Whoever begins to speak hears first what the broker has kept, which comes at once; milliseconds. */
const LEARN_MS = 300;
/** Turns are a second apart: after so long without one we begin anew, milliseconds. */
const BEGINS_MS = 5_000;
/** After Home Assistant's birth so many topics are said again in each turn. */
const AGAIN_AT_A_TIME = 200;
/** So many commands at a time are carried out; the others are dropped. */
const MAX_COMMANDS = 16;
const MAX_ROUTERS = 256;

/**
 * Home Assistant's devices and routers of the home, announced and told by the one router that speaks for the home
 * (home-assistant.io, MQTT, "MQTT discovery"). What is switched there is a command of the home by the author `home-assistant`.
 */
export class HomeAssistant implements Publication {
  readonly name = 'home assistant';
  readonly scope = 'home';
  readonly owns: readonly string[];
  readonly #hears: Publication['hears'];
  /** Devices without room, commands that failed, and what came that was none. */
  readonly counters = { left: 0, commands: 0, failed: 0, rubbish: 0 };
  readonly #options: HomeAssistantOptions;
  readonly #states: DeviceStates;
  readonly #announcements = new Announcements();
  /** The members that are on a broker, by their level in its topics. */
  readonly #levels = new Map<string, string>();
  #retained: ReadonlyMap<string, string> = new Map();
  #devices: ReadonlyMap<string, DeviceView> = new Map();
  #again: string[] = [];
  #lookedAt = -Infinity;
  #policies = -1;
  #others = '';
  #open = 0;
  #spokeAt = -Infinity;

  constructor(options: HomeAssistantOptions) {
    const { prefix } = options;
    this.#options = options;
    this.#states = new DeviceStates(options.clock);
    this.owns = [configFilter(prefix), STATE_FILTER];
    const births = [...new Set([`${prefix}/status`, 'homeassistant/status'])];
    this.#hears = [
      {
        filter: COMMAND_FILTER,
        scope: 'home',
        on: (message) => this.#command(message),
      },
      {
        filter: 'hedgerow/+/info',
        scope: 'home',
        on: async (message) => this.#met(message),
      },
      ...births.map((filter) => ({
        filter,
        scope: 'home' as const,
        on: async (message: Arrived) => this.#born(message),
      })),
    ];
  }

  get hears(): Publication['hears'] {
    if (!this.#begins()) return this.#hears;
    return [
      ...this.#hears,
      { filter: DEVICE_STATE_FILTER, scope: 'home', on: async (kept) => this.#learn(kept) },
    ];
  }

  /** Others announce their devices beside ours. */
  isOwn(topic: string): boolean {
    const { prefix } = this.#options;
    return !topic.startsWith(`${prefix}/`) || isConfigTopic(prefix, topic);
  }

  async turn({ versions }: Recent, signal: AbortSignal): Promise<Turn> {
    const { clock } = this.#options;
    const begins = this.#begins();
    this.#spokeAt = clock.monotonic();
    if (begins) await clock.sleep(LEARN_MS, signal);
    const messages = this.#nextAgain();
    const now = clock.monotonic();
    const since = begins ? Infinity : now - this.#lookedAt;
    const others = `${versions.nodes} ${versions.peers} ${this.#levels.size} ${this.#options.name.current}`;
    const due =
      versions.policies !== this.#policies ||
      (since >= LOOK_MS && others !== this.#others) ||
      since >= LOOK_ANYWAY_MS;
    if (!due) return { retained: undefined, messages };
    const retained = await this.#tell(signal);
    this.#lookedAt = now;
    this.#policies = versions.policies;
    this.#others = others;
    this.#retained = retained;
    return { retained, messages };
  }

  /** This router has just become the one that speaks for the home, or was not for a while. */
  #begins(): boolean {
    return this.#options.clock.monotonic() - this.#spokeAt > BEGINS_MS;
  }

  /** What was told of a device before us is the least that we tell. */
  #learn({ topic, payload, retain }: Arrived): readonly Message[] {
    const id = retain ? deviceOfState(topic) : undefined;
    if (id !== undefined) this.#states.remember(id, payload);
    return [];
  }

  /** Everything that should be retained, routers first: devices refer to them. */
  async #tell(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { methods, prefix, name } = this.#options;
    const speaker = name.current;
    const retained = new Map<string, string>();
    const say = (topic: string, payload: unknown) => retained.set(topic, JSON.stringify(payload));
    const peers = new Map((await look(methods(), 'peers')).map((row) => [row.peer, row]));
    const home = await look(methods(), 'home');
    signal.throwIfAborted();
    const routers = new Map<string, Key>();
    for (const { peer, router, self, standing } of home.members) {
      if (standing === 'left' || standing === 'evicted') continue;
      const key = routerKey(peer);
      routers.set(router, key);
      const level = self ? speaker : this.#levels.get(peer);
      say(configTopic(prefix, key), routerDiscovery({ peer, name: router, level }, speaker));
      const alive = self || isThere(peers.get(peer)?.state ?? 'unknown');
      say(stateTopic(key), { connected: alive ? 'ON' : 'OFF' });
    }
    const { chosen, left } = chosenOf(await look(methods(), 'devices'));
    signal.throwIfAborted();
    this.#note(left);
    this.#devices = new Map(chosen.map((device) => [device.id, device]));
    const ids = new Set(this.#devices.keys());
    this.#states.forgetBut(ids);
    this.#announcements.forgetBut(ids);
    for (const device of chosen) {
      const { id, label, vendor, router = '' } = device;
      const key = deviceKey(id);
      const announced = { id, name: label, vendor, via: routers.get(router) };
      retained.set(configTopic(prefix, key), this.#announcements.of(announced, speaker));
      say(stateTopic(key), this.#states.of(device));
      retained.set(availabilityTopic(key), this.#states.availability(device));
    }
    return retained;
  }

  #note(left: number): void {
    if (left > 0 && this.counters.left === 0)
      this.#options.log.warn({ left }, 'not all devices are announced to Home Assistant: there are too many');
    this.counters.left = left;
  }

  /** Home Assistant has started: everything is said again, announcements before states, a part at a time. */
  #born({ payload, retain }: Arrived): readonly Message[] {
    // What the broker had kept is no birth of now.
    if (payload !== 'online' || retain) return [];
    const isConfig = (topic: string) => isConfigTopic(this.#options.prefix, topic);
    const topics = [...this.#retained.keys()];
    this.#again = [...topics.filter(isConfig), ...topics.filter((topic) => !isConfig(topic))];
    return [];
  }

  #nextAgain(): Message[] {
    return this.#again.splice(0, AGAIN_AT_A_TIME).flatMap((topic) => {
      const payload = this.#retained.get(topic);
      return payload === undefined ? [] : [{ topic, payload, retain: true }];
    });
  }

  /** A router says which member it is, under its level. */
  #met({ topic, payload }: Arrived): readonly Message[] {
    const member = memberIn(payload);
    const level = topic.split('/')[1];
    if (member === undefined || level === undefined) return [];
    if (this.#levels.has(member) || this.#levels.size < MAX_ROUTERS) this.#levels.set(member, level);
    return [];
  }

  /** Something was switched or pressed. Answers the state as it is afterwards: a switch that did not take goes back. */
  async #command({ topic, payload, retain }: Arrived): Promise<readonly Message[]> {
    const { methods, log } = this.#options;
    const asked = commandOf(topic);
    const wish = asked && wishOf(asked.what, payload);
    const known = asked && this.#devices.get(asked.id);
    // A command that the broker has kept would be carried out again at every connection.
    if (wish === undefined || known === undefined || retain || this.#open >= MAX_COMMANDS) {
      this.counters.rubbish += 1;
      return [];
    }
    this.#open += 1;
    try {
      // What was decided since the last look counts.
      await fulfil(methods(), (await this.#lookAt(known.id)) ?? known, wish);
      this.counters.commands += 1;
    } catch (error) {
      this.counters.failed += 1;
      const { name, message } = failureOf(error, log);
      log.warn({ error: name }, 'a command of Home Assistant has failed');
      log.debug({ error: message }, 'why a command of Home Assistant has failed');
    } finally {
      this.#open -= 1;
    }
    const device = await this.#lookAt(known.id);
    if (device === undefined) return [];
    // The next turn looks again: it must not tell what it looked at before.
    this.#policies = -1;
    return [
      {
        topic: stateTopic(deviceKey(device.id)),
        payload: JSON.stringify(this.#states.of(device)),
        retain: true,
      },
    ];
  }

  async #lookAt(id: string): Promise<DeviceView | undefined> {
    return (await look(this.#options.methods(), 'devices')).find((device) => device.id === id);
  }
}
