import type { Clock } from '../clock.ts';
import type { Drop, Sighting } from '../local/flows/flow.ts';
import type { NodeNews, NodeNotice } from '../local/nodes/node-news.ts';
import type { AnswerFact } from '../local/observe/facts.ts';
import type { Enforcement } from '../p2p/alive/enforcement.ts';
import { isoTime } from './book/terms.ts';
import { ignoredNodes } from './commands/ignore.ts';
import { enforcementOf } from './enforcement.ts';
import type { Parts } from './parts.ts';
import type { Happening, Recent, RecentSource } from './recent.ts';
import { RecentFlows } from './recent-flows.ts';
import { RecentPolicies } from './recent-policies.ts';
import { endView } from './views/traffic.ts';

/** Nobody has taken for so long: nothing is gathered until somebody does, milliseconds. */
const IDLE_MS = 10_000;
const MAX_HAPPENINGS = 500;

/**
 * Gathers what happens for whoever takes it, once a second. The agent tells it of flows, drops and answers as they come; all
 * else it finds out by looking at what has changed since it was last taken from.
 */
export class RecentGatherer implements RecentSource {
  readonly #parts: Parts;
  readonly #clock: Clock;
  readonly #flows: RecentFlows;
  readonly #policies: RecentPolicies;
  #takenAt: number | undefined;
  #newsAt = 0;
  #states = new Map<string, string>();
  #enforcing = new Map<string, Enforcement['state']>();
  #peers = '';
  #peersVersion = 0;
  #blockSet: unknown;
  #blockSetVersion = 0;

  constructor(parts: Parts) {
    const { cache, classOf, directory } = parts;
    this.#parts = parts;
    this.#clock = parts.clock;
    this.#flows = new RecentFlows({
      classOf,
      isDevice: (id) => directory.observed(id)?.device === true,
      deviceAt: (address) => cache.deviceByAddress(undefined, address),
      remoteOf: (domain) => cache.remoteByDomain(domain),
      ignored: () => ignoredNodes(parts),
    });
    this.#policies = new RecentPolicies(parts.replica, directory);
  }

  /** News of a flow. `earlier`: counted before this agent began to look, which is not news. */
  sees(news: Sighting, earlier: boolean): void {
    if (!earlier && this.#isWanted()) this.#flows.sees(news);
  }

  drops(drop: Drop): void {
    if (this.#isWanted()) this.#flows.drops(drop);
  }

  /** A name was answered, and the nodes know of it. */
  answered(fact: AnswerFact): void {
    if (this.#isWanted()) this.#flows.answered(fact);
  }

  take(): Recent {
    if (!this.#isWanted()) this.#begin();
    this.#takenAt = this.#clock.monotonic();
    const { moved, dropped, asked, missed } = this.#flows.take();
    const now = isoTime(this.#clock.now());
    const news = this.#nodeNews();
    const blocked = dropped.map(({ device, other, packets, bytes }): Happening => {
      const label = (id: string) => endView(this.#parts, id).label;
      return { at: now, kind: 'blocked', device: label(device), other: label(other), packets, bytes };
    });
    const all = [
      ...news.notices.flatMap((notice) => this.#told(notice) ?? []),
      ...this.#policies.look(this.#clock.now()),
      ...this.#routers(now),
      ...this.#enforcement(now),
      ...blocked,
    ];
    const happenings = all.slice(0, MAX_HAPPENINGS);
    const lost = all.length - happenings.length + (news.missed ? 1 : 0);
    return { moved, dropped, asked, happenings, missed: missed + lost, versions: this.#versions() };
  }

  #isWanted(): boolean {
    return this.#takenAt !== undefined && this.#clock.monotonic() - this.#takenAt < IDLE_MS;
  }

  /** From here on: what was before is told by views. */
  #begin(): void {
    this.#flows.clear();
    this.#policies.forget();
    this.#newsAt = this.#parts.cache.news.last;
    this.#states = new Map(this.#stateOfPeers());
    this.#enforcing = new Map(this.#enforcementOfAll());
  }

  #nodeNews(): ReturnType<NodeNews['since']> {
    const { news } = this.#parts.cache;
    const since = news.since(this.#newsAt);
    this.#newsAt = news.last;
    return since;
  }

  #told(notice: NodeNotice): Happening | undefined {
    const { directory, classOf, vendorOf } = this.#parts;
    const at = isoTime(notice.at);
    switch (notice.kind) {
      case 'new': {
        const { label } = endView(this.#parts, notice.node);
        const [mac] = directory.observed(notice.node)?.macs ?? [];
        const vendor = mac === undefined ? undefined : vendorOf?.(mac);
        return { at, kind: 'device.new', id: notice.node, label, vendor };
      }
      case 'gone':
        return { at, kind: 'node.gone', id: notice.node, device: notice.device };
      case 'merged': {
        // As the views show it from now on: the least of the class stays.
        const into = [...classOf(notice.node)].sort()[0] ?? notice.with;
        const id = into === notice.node ? notice.with : notice.node;
        return { at, kind: 'node.merged', id, into };
      }
      case 'split':
        return { at, kind: 'node.split', id: notice.with, from: notice.node };
    }
  }

  *#stateOfPeers(): Generator<[peer: string, state: string]> {
    for (const { peer, state } of this.#parts.network.peers()) yield [peer, state];
  }

  #routers(at: string): Happening[] {
    const states = new Map(this.#stateOfPeers());
    const before = this.#states;
    this.#states = states;
    return [...states].flatMap(([peer, state]): Happening[] =>
      before.get(peer) === state
        ? []
        : [{ at, kind: 'router', router: this.#parts.directory.routerName(peer), state }],
    );
  }

  *#enforcementOfAll(): Generator<[peer: string, state: Enforcement['state']]> {
    const { key, enforcer, holding, network } = this.#parts;
    yield [key.peer, enforcementOf(enforcer.health(), holding()).state];
    for (const { peer, enforcement } of network.peers())
      if (enforcement !== undefined) yield [peer, enforcement.state];
  }

  /** What was not known before is no news. */
  #enforcement(at: string): Happening[] {
    const before = this.#enforcing;
    this.#enforcing = new Map([...before, ...this.#enforcementOfAll()]);
    return [...this.#enforcing].flatMap(([peer, state]): Happening[] =>
      (before.get(peer) ?? state) === state
        ? []
        : [{ at, kind: 'enforcement', router: this.#parts.directory.routerName(peer), state }],
    );
  }

  #versions(): Recent['versions'] {
    const { cache, registers, replica, network, blockSet } = this.#parts;
    const set = blockSet();
    if (set !== this.#blockSet) this.#blockSetVersion += 1;
    this.#blockSet = set;
    const peers = JSON.stringify([
      network
        .peers()
        .map(({ peer, state, digestEqual, appliedDigest }) => [peer, state, digestEqual, appliedDigest]),
      [...this.#enforcing.values()],
    ]);
    if (peers !== this.#peers) this.#peersVersion += 1;
    this.#peers = peers;
    const said = replica.liveVersion + replica.edgesVersion;
    return {
      nodes: cache.version + registers.version + said + network.presence.version,
      policies: said + this.#blockSetVersion,
      peers: this.#peersVersion + registers.version + said,
    };
  }
}
