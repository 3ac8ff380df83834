import type { Clock } from '../../clock.ts';
import type { Method } from '../../control/offer.ts';
import type { Recent } from '../../control/recent.ts';
import type { PolicyBrief } from '../../control/views/policies-brief.ts';
import type { Arrived, Message } from '../link.ts';
import type { Publication, Turn } from '../publication.ts';
import { SpinCounters } from './counters.ts';
import { SpinHome } from './home.ts';
import { Flags, LISTS, pairsOf } from './lists.ts';
import { PublishedNodes } from './published-nodes.ts';
import { isNodeId, SpinQueries } from './queries.ts';
import type { SpinRpc } from './rpc.ts';
import { command, Drops, queriesOf, trafficOf } from './traffic.ts';

export interface SpinPublicationOptions {
  readonly methods: ReadonlyMap<string, Method>;
  readonly rpc: SpinRpc;
  readonly clock: Clock;
}

/** Who changed something over MQTT without saying who it is. */
const BY = 'spin';
/** All devices are looked for again after so many turns, and counters told after a third of them. */
const DEVICES_EVERY = 30;
const COUNTERS_EVERY = 10;
/** Without a turn for so long somebody else has spoken meanwhile, with other numbers; milliseconds. */
const AWAY_MS = 30_000;
/** Addresses of a list change with what is seen; they are looked at again after so many turns. */
const LISTS_EVERY = 10;

/**
 * What SPIN says on a broker (faces.md, "SPIN's clients, unmodified"). Its numbers are one router's own, so of several routers
 * on one broker one speaks.
 */
export class SpinPublication implements Publication {
  readonly name = 'spin';
  readonly scope = 'home';
  readonly owns = ['SPIN/traffic/node/+'];
  readonly hears = [
    {
      filter: 'SPIN/jsonrpc/q',
      scope: 'home' as const,
      on: (message: Arrived) => this.#answer(message),
    },
  ];
  readonly #rpc: SpinRpc;
  readonly #home: SpinHome;
  readonly #queries: SpinQueries;
  readonly #nodes: PublishedNodes;
  readonly #drops = new Drops();
  readonly #counters = new SpinCounters();
  readonly #clock: Clock;
  /** The lists as they were told last. */
  #lists: ReadonlySet<string> = new Set();
  #policies: readonly PolicyBrief[] = [];
  #flags = new Flags([]);
  #policiesAt: number | undefined;
  #turns = 0;
  #lastTurn: number | undefined;

  constructor({ methods, rpc, clock }: SpinPublicationOptions) {
    this.#rpc = rpc;
    this.#clock = clock;
    this.#home = new SpinHome(methods);
    this.#queries = new SpinQueries(this.#home, () => clock.now());
    this.#nodes = new PublishedNodes(this.#home, () => clock.now());
  }

  async turn(recent: Recent, signal: AbortSignal): Promise<Turn> {
    const now = this.#clock.monotonic();
    const restarted = this.#lastTurn === undefined || now - this.#lastTurn > AWAY_MS;
    // What another has told meanwhile is unknown.
    if (restarted) this.#lists = new Set();
    const changed = this.#policiesAt !== recent.versions.policies;
    if (changed) {
      this.#policies = await this.#home.policies();
      this.#flags = new Flags(this.#policies);
    }
    this.#drops.add(recent.dropped);
    const spokenOf = new Set(await this.#spokenOf(recent, changed));
    const happened = recent.happenings.flatMap((happening) => ('id' in happening ? happening.id : []));
    const before = { changes: this.#nodes.changes, left: this.#nodes.dropped + this.#drops.dropped };
    const admin = await this.#nodes.look({ spokenOf, changed: happened }, this.#flags, changed);
    const look = restarted || changed || this.#turns % LISTS_EVERY === 0;
    const lists = look ? await this.#listsNow() : undefined;
    signal.throwIfAborted();
    const changedLists = lists?.filter(({ payload }) => !this.#lists.has(payload)) ?? [];
    // Only now: after a failure, or where nobody waits for the answer any more, all of it is looked at again.
    this.#lastTurn = now;
    if (lists !== undefined) this.#lists = new Set(lists.map(({ payload }) => payload));
    this.#policiesAt = recent.versions.policies;
    this.#turns += 1;
    const known = (id: string) => this.#nodes.get(id);
    const traffic = trafficOf(recent.moved, known, this.#clock.now());
    const blocked = this.#drops.take(known);
    const messages: Message[] = [
      ...(restarted ? [command('serverRestart')] : []),
      ...admin,
      ...changedLists,
      ...(traffic === undefined ? [] : [traffic]),
      ...(blocked === undefined ? [] : [blocked]),
      ...queriesOf(recent.asked, known),
    ];
    const left = this.#nodes.dropped + this.#drops.dropped - before.left;
    this.#count(messages, recent, { changes: this.#nodes.changes - before.changes, left });
    const told = this.#turns % COUNTERS_EVERY === 0 ? this.#counters.take() : [];
    return { retained: this.#nodes.takeRetained(), messages: [...messages, ...told] };
  }

  /** The nodes that this turn's messages are about, and those that clients want to know of in any case. */
  async #spokenOf({ moved, asked, happenings }: Recent, changed: boolean): Promise<string[]> {
    const devices = this.#turns % DEVICES_EVERY === 0 ? await this.#home.devices() : [];
    const pairs = changed ? pairsOf(this.#policies) : [];
    return [
      ...devices.map(({ id }) => id),
      ...happenings.flatMap((happening) => ('id' in happening ? happening.id : [])),
      ...pairs.flatMap(({ a, b }) => [a, b]),
      ...moved.flatMap(({ device, other, ignored }) => (ignored ? [] : [device, other])),
      ...this.#drops.nodes(),
      ...asked.flatMap(({ device, node }) => [device, ...(node === undefined ? [] : [node])]),
    ].filter(isNodeId);
  }

  async #listsNow(): Promise<Message[]> {
    const lists = await this.#queries.lists(this.#policies);
    return LISTS.map((list) => command(list, { result: lists.get(list) ?? [] }));
  }

  #count(messages: readonly Message[], recent: Recent, of: { changes: number; left: number }): void {
    for (const { payload } of messages) this.#counters.published.add(Buffer.byteLength(payload));
    if (recent.moved.length > 0) this.#counters.flows.add(recent.moved.length);
    if (of.changes > 0) this.#counters.nodesChanged.add(of.changes);
    this.#counters.nodes.add(this.#nodes.size);
    if (recent.missed + of.left > 0) this.#counters.missed.add(recent.missed + of.left);
  }

  async #answer({ payload, retain }: Arrived): Promise<Message[]> {
    // What a broker has kept was asked long ago.
    if (retain) return [];
    const answer = await this.#rpc(payload, BY);
    return answer === '' ? [] : [{ topic: 'SPIN/jsonrpc/a', payload: answer }];
  }
}
