import type * as z from 'zod';
import type { Clock } from '../../clock.ts';
import { enforcementOf } from '../../control/enforcement.ts';
import type { Method } from '../../control/offer.ts';
import type { Recent } from '../../control/recent.ts';
import type { DeviceView, NodeView } from '../../control/views/nodes.ts';
import type { PolicyView } from '../../control/views/policies.ts';
import type { Message } from '../link.ts';
import { look } from '../look.ts';
import type { Publication, Turn } from '../publication.ts';
import { HOME } from '../router-name.ts';
import { Fresh } from './fresh.ts';
import type { adminSchema, nodeSchema, policiesSchema, routersSchema } from './schemas.ts';

/** What changes by itself is told anew so often, milliseconds. */
const SLOW_MS = 10_000;
const BYTES_MS = 30_000;

interface Told {
  readonly text: string;
  readonly ids: readonly string[];
}

export interface HomeTopicsOptions {
  readonly methods: () => ReadonlyMap<string, Method>;
  readonly clock: Clock;
}

/** What belongs to the home, under `hedgerow/home`: said by one of its routers. */
export class HomeTopics implements Publication {
  readonly name = 'home';
  readonly scope = 'home';
  readonly owns = [`${HOME}/policies`, `${HOME}/routers`, `${HOME}/node/+`];
  readonly hears = [];
  readonly #policies: Fresh<string>;
  readonly #routers: Fresh<string>;
  readonly #nodes: Fresh<ReadonlyMap<string, Told>>;
  /** As they were told last. */
  #told: ReadonlyMap<string, Told> = new Map();
  /** Nodes that became one with another, with what was told of them: emptied after that has been told. */
  #leaving: ReadonlyMap<string, Told> = new Map();

  constructor({ methods, clock }: HomeTopicsOptions) {
    this.#policies = new Fresh(
      async () => JSON.stringify((await look(methods(), 'policies')).map(policyOf)),
      { clock, mostMs: SLOW_MS },
    );
    this.#routers = new Fresh(async () => JSON.stringify(await routersOf(methods())), {
      clock,
      mostMs: SLOW_MS,
    });
    this.#nodes = new Fresh(
      async () => {
        const devices = (await look(methods(), 'devices')).map(deviceOf);
        const others = (await look(methods(), 'nodes.kept')).map(nodeOf);
        return new Map(
          [...others, ...devices].map((node) => [node.id, { text: JSON.stringify(node), ids: node.ids }]),
        );
      },
      { clock, mostMs: BYTES_MS },
    );
  }

  async turn({ versions }: Recent): Promise<Turn> {
    const renewed = [
      await this.#policies.renew(versions.policies),
      await this.#routers.renew(versions.peers),
      await this.#nodes.renew(versions.nodes),
      this.#leaving.size > 0,
    ];
    if (!renewed.includes(true)) return { retained: undefined, messages: [] };
    const nodes = this.#nodes.value ?? new Map<string, Told>();
    const merged = mergedIn(this.#told, nodes);
    this.#leaving = new Map(
      [...merged.keys()].map((id) => [id, this.#told.get(id) ?? { text: '', ids: [] }]),
    );
    this.#told = nodes;
    const retained = new Map([
      [`${HOME}/policies`, this.#policies.value ?? ''],
      [`${HOME}/routers`, this.#routers.value ?? ''],
    ]);
    for (const [id, { text }] of [...this.#leaving, ...nodes]) retained.set(`${HOME}/node/${id}`, text);
    return { retained, messages: Array.from(merged, adminMessage) };
  }
}

/** Nodes that were told of and go on under another id: old id → new id. */
function mergedIn(before: ReadonlyMap<string, Told>, now: ReadonlyMap<string, Told>): Map<string, string> {
  const gone = new Set([...before.keys()].filter((id) => !now.has(id)));
  const merged = new Map<string, string>();
  if (gone.size === 0) return merged;
  for (const [id, { ids }] of now) for (const each of ids) if (gone.has(each)) merged.set(each, id);
  return merged;
}

function adminMessage([id, into]: [id: string, into: string]): Message {
  const said: z.input<typeof adminSchema> = { id, merged_to: into };
  return { topic: `${HOME}/admin`, payload: JSON.stringify(said) };
}

async function routersOf(methods: ReadonlyMap<string, Method>): Promise<z.input<typeof routersSchema>> {
  const { members } = await look(methods, 'home');
  const { enforcement } = await look(methods, 'status');
  const peers = new Map((await look(methods, 'peers')).map((row) => [row.peer, row]));
  return members
    .filter(({ standing }) => standing === 'founder' || standing === 'member')
    .map(({ router, peer, admin, self }) => ({
      router,
      member: peer,
      admin,
      state: self ? 'alive' : (peers.get(peer)?.state ?? 'unknown'),
      inStep: self ? true : peers.get(peer)?.inStep,
      enforcement: self ? enforcementOf(enforcement, false).state : peers.get(peer)?.enforcement?.state,
    }));
}

function policyOf(policy: PolicyView): z.input<typeof policiesSchema>[number] {
  const { here: _, a, b, alsoAffects, terms, ...said } = policy;
  return {
    id: said.id,
    kind: said.kind,
    a: { subject: { ...a.subject }, label: a.label },
    b: { subject: { ...b.subject }, label: b.label },
    by: said.by,
    router: said.router,
    at: said.at,
    reason: said.reason,
    terms: { ...terms },
    time: said.time,
    alsoAffects: [...alsoAffects],
    alsoAffectsMore: said.alsoAffectsMore,
  };
}

function nodeOf(node: NodeView): z.input<typeof nodeSchema> {
  return {
    id: node.id,
    ids: [...node.ids],
    label: node.label,
    device: node.device,
    names: [...node.names],
    given: [...node.given],
    groups: [...node.groups],
    ignored: node.ignored,
    macs: [...node.macs],
    randomisedMac: node.randomisedMac,
    addresses: node.addresses.map(({ address, segment }) => ({ address, segment })),
    domains: [...node.domains],
  };
}

function deviceOf(device: DeviceView): z.input<typeof nodeSchema> {
  const { vendor, router, places, bytes } = device;
  return {
    ...nodeOf(device),
    vendor,
    router,
    places: places.map((place) => ({
      router: place.router,
      here: place.here,
      segments: [...place.segments],
    })),
    bytes,
  };
}
