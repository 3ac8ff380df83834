import type * as z from 'zod';
import type { Clock } from '../../clock.ts';
import { enforcementOf } from '../../control/enforcement.ts';
import type { Method } from '../../control/offer.ts';
import type { Recent } from '../../control/recent.ts';
import { heldWords } from '../../control/views/held-words.ts';
import type { DeviceView } from '../../control/views/nodes.ts';
import type { PeerRow } from '../../control/views/peers.ts';
import type { PolicyView } from '../../control/views/policies.ts';
import type { StatusView } from '../../control/views/status.ts';
import type { Message } from '../link.ts';
import { look } from '../look.ts';
import type { Publication, Turn } from '../publication.ts';
import type { RouterName } from '../router-name.ts';
import { flowsMessage, type Label, Labels } from './flows.ts';
import { Fresh } from './fresh.ts';
import type { deviceHereSchema, enforcedSchema, infoSchema, peersSchema } from './schemas.ts';

/** What changes by itself, such as a round trip or bytes, is told anew so often, milliseconds. */
const SLOW_MS = 10_000;
const BYTES_MS = 30_000;

export interface RouterTopicsOptions {
  readonly methods: () => ReadonlyMap<string, Method>;
  readonly name: RouterName;
  readonly clock: Clock;
}

/** What belongs to this router, under `hedgerow/<router>`; its `state` is said by the bridge itself (speaker.ts). */
export class RouterTopics implements Publication {
  readonly name = 'router';
  readonly scope = 'router';
  readonly hears = [];
  readonly #name: RouterName;
  readonly #status: Fresh<string>;
  readonly #peers: Fresh<string>;
  readonly #policies: Fresh<string>;
  readonly #devices: Fresh<ReadonlyMap<string, string>>;
  readonly #labels: Labels;
  #base = '';

  constructor({ methods, name, clock }: RouterTopicsOptions) {
    this.#name = name;
    const soon = { clock, mostMs: SLOW_MS };
    this.#status = new Fresh(
      async () => JSON.stringify(infoOf(await look(methods(), 'status'), name.member)),
      soon,
    );
    this.#peers = new Fresh(async () => JSON.stringify((await look(methods(), 'peers')).map(peerOf)), soon);
    this.#policies = new Fresh(
      async () => JSON.stringify((await look(methods(), 'policies')).map(enforcedOf)),
      soon,
    );
    this.#devices = new Fresh(
      async () => {
        const here = (await look(methods(), 'devices')).filter(
          (device) => device.seenSecondsAgo !== undefined,
        );
        return new Map(here.map((device) => [device.id, JSON.stringify(deviceHereOf(device))]));
      },
      { clock, mostMs: BYTES_MS },
    );
    this.#labels = new Labels(async (ids) => await look(methods(), 'labels', { ids }), clock);
  }

  get owns(): readonly string[] {
    return ['info', 'peers', 'policies', 'node/+'].map((topic) => `${this.#name.base}/${topic}`);
  }

  async turn(recent: Recent): Promise<Turn> {
    const { versions } = recent;
    const { base } = this.#name;
    const renewed = [
      await this.#status.renew(`${versions.policies} ${versions.peers}`),
      await this.#peers.renew(`${versions.peers} ${versions.policies}`),
      await this.#policies.renew(versions.policies),
      await this.#devices.renew(versions.nodes),
      this.#base !== base,
    ];
    this.#base = base;
    const retained = renewed.includes(true) ? this.#retained() : undefined;
    return { retained, messages: await this.#messages(recent) };
  }

  #retained(): ReadonlyMap<string, string> {
    const base = this.#base;
    const said = (topic: string, { value }: Fresh<string>): [string, string] => [
      `${base}/${topic}`,
      value ?? '',
    ];
    return new Map([
      said('info', this.#status),
      said('peers', this.#peers),
      said('policies', this.#policies),
      ...Array.from(this.#devices.value ?? [], ([id, text]): [string, string] => [
        `${base}/node/${id}`,
        text,
      ]),
    ]);
  }

  async #messages(recent: Recent): Promise<Message[]> {
    const events = recent.happenings.map((happening) => ({
      topic: `${this.#base}/event`,
      payload: JSON.stringify(happening),
    }));
    const label: Label = await this.#labels.of(recent);
    const flows = flowsMessage(recent, label);
    if (flows === undefined) return events;
    return [{ topic: `${this.#base}/flows`, payload: JSON.stringify(flows) }, ...events];
  }
}

function infoOf(status: StatusView, member: string): z.input<typeof infoSchema> {
  const { router, home, digest, enforcement, reach, devices, policies, routers, clock, problems } = status;
  return {
    member,
    router,
    home: { id: home.id, name: home.name },
    digest,
    enforcing: enforcement.enforcing,
    enforcement: enforcementOf(enforcement, false).state,
    halted: haltedOf(enforcement),
    backend: enforcement.backend,
    reach: { inside: [...reach.inside], notInside: [...reach.notInside], notOwn: reach.notOwn },
    devices,
    policies,
    routers: { members: routers.members, alive: routers.alive, inStep: routers.inStep },
    clockTrusted: clock.trusted,
    problems: [...problems],
  };
}

/** In whole minutes, so that it is not told anew every second. */
function haltedOf({ halted }: StatusView['enforcement']): z.input<typeof infoSchema>['halted'] {
  if (halted === undefined) return undefined;
  const { by, secondsLeft } = halted;
  return { by, ...(secondsLeft === undefined ? {} : { minutesLeft: Math.ceil(secondsLeft / 60) }) };
}

function peerOf(row: PeerRow): z.input<typeof peersSchema>[number] {
  const { router, peer, state, inStep, applied, enforcement, admin, rttMs, lastError } = row;
  const rounded = rttMs === undefined ? undefined : Math.round(rttMs);
  const said = { enforcement: enforcement?.state, rttMs: rounded, lastError };
  return { router, member: peer, state, inStep, applied, admin, ...said };
}

function enforcedOf(policy: PolicyView): z.input<typeof enforcedSchema>[number] {
  const { enforced, why, addresses, networks, wide, dropped } = policy.here;
  const held = heldWords(policy);
  return {
    id: policy.id,
    enforced,
    why,
    held,
    addresses,
    networks,
    wide,
    dropped: dropped && { ...dropped },
  };
}

function deviceHereOf(device: DeviceView): z.input<typeof deviceHereSchema> {
  const { id, firstSeen, bytesHere, bytesToday } = device;
  return { id, firstSeen, bytes: bytesHere, bytesToday };
}
