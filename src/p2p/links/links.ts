import type { Connection } from '@libp2p/interface';
import { repeat, type Timer } from '../../clock.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { PeerAddress } from '../addresses.ts';
import { hangUp } from '../hang-up.ts';
import { peerKeyOf } from '../identity.ts';
import { Deafness } from './deafness.ts';
import { DialPlan, type Wish } from './dial-plan.ts';
import { Dialler } from './dialler.ts';
import { isWanted, LinkChoice, type LinkFacts, type LinkReason } from './link-choice.ts';
import { type CloseCause, LinkPolicy, whyBootstrap } from './link-policy.ts';
import type { LinksOptions } from './links-options.ts';
import { type Parting, Partings } from './parting.ts';
import { Strangers } from './strangers.ts';

const TICK_MS = 100;
const LOOK_MS = 1_000;
const EXPIRE_MS = 60_000;

/** The links with other routers: which there are to be, the dials for them, and why they end. */
export class Links {
  readonly #options: LinksOptions;
  readonly #choice: LinkChoice;
  readonly #policy: LinkPolicy;
  readonly #plan: DialPlan;
  readonly #dialler: Dialler;
  readonly #partings: Partings;
  readonly #strangers: Strangers;
  readonly #deafness: Deafness;
  #reasons = new Map<PeerKey, LinkReason>();
  #bootstrap = false;
  /** Closed for idleness: not dialled before there is something to say. */
  readonly #resting = new Set<PeerKey>();
  /** Silent, though connected: dialled beside the connection there is. */
  readonly #beside = new Set<PeerKey>();
  /** Whose link ended without a word: dialled even if no link with it is wanted, to learn whether it is there. */
  readonly #missed = new Set<PeerKey>();
  /** Whose link we are closing, or were told that it is closed. */
  readonly #ended = new Set<PeerKey>();
  #useful = new Map<PeerKey, number>();
  /** Those that are being closed with a word: that their streams end is no reason of its own. */
  readonly #parting = new WeakSet<Connection>();
  #digest = '';
  #timer: Timer | undefined;
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: LinksOptions) {
    const { self, overlay, database, bootstrap, remembered, random, clock, limits, topic } = options;
    this.#options = options;
    this.#choice = new LinkChoice(options);
    this.#policy = new LinkPolicy(limits);
    this.#plan = new DialPlan(self, database, [...bootstrap, ...remembered], random);
    for (const [source, places] of [
      ['config', bootstrap],
      ['home', remembered],
    ] as const) {
      for (const [peer, texts] of byPeer(places)) database.said(peer, source, texts, clock.monotonic());
    }
    this.#dialler = new Dialler({
      ...options,
      plan: this.#plan,
      onRefused: (peer) => {
        if (this.#isLinked(peer)) return;
        this.#missed.delete(peer);
        options.onRefused(peer);
      },
    });
    this.#partings = new Partings({ ...options, onParting: (peer, parting) => this.#told(peer, parting) });
    this.#strangers = new Strangers(options);
    this.#deafness = new Deafness(overlay, topic);
  }

  /** The overlay runs already. */
  async start(signal: AbortSignal): Promise<void> {
    const { clock, database } = this.#options;
    this.#signal = signal;
    await this.#partings.start(signal);
    void repeat(async () => this.look(), { clock, signal, everyMs: LOOK_MS });
    void repeat(async () => database.expire(clock.monotonic()), { clock, signal, everyMs: EXPIRE_MS });
    this.#tick();
  }

  /** The signal has aborted before. */
  async stop(): Promise<void> {
    this.#timer?.clear();
    await this.#dialler.ended();
  }

  /** Why there is a link with a member, or none. */
  reasonOf(peer: PeerKey): LinkReason {
    return this.#reasons.get(peer) ?? 'all';
  }

  /** Where a member answered last, or may. */
  addressOf(peer: PeerKey): string | undefined {
    return this.#options.database.best(peer, this.#options.clock.monotonic());
  }

  /** True for a member whose link was closed for idleness and is made again when there is something to say. */
  rests(peer: PeerKey): boolean {
    return this.#resting.has(peer);
  }

  /** A connection stands that was chosen to stay. */
  opened(peer: PeerKey): void {
    this.#ended.delete(peer);
    this.#resting.delete(peer);
    this.#beside.delete(peer);
    this.#plan.met(peer);
  }

  /** The last connection with a peer ended. */
  closed(peer: PeerKey): void {
    const { clock, counters } = this.#options;
    if (!this.#ended.delete(peer)) {
      counters.add('links.closed.lost');
      this.#missed.add(peer);
    }
    this.#beside.delete(peer);
    this.#plan.lost(peer, clock.monotonic());
  }

  /** Nothing comes on the link there is: another is dialled beside it, and the first that answers wins. */
  suspect(peer: PeerKey): void {
    if (!this.#isLinked(peer)) return;
    this.#beside.add(peer);
    this.#plan.retry(peer);
  }

  /** It is said to listen somewhere. News is tried at once. */
  said(peer: PeerKey, source: 'card' | 'identify' | 'mdns', addresses: readonly string[]): void {
    const { database, clock } = this.#options;
    if (database.said(peer, source, addresses, clock.monotonic())) this.#plan.retry(peer);
  }

  /** Members with whom no link is wanted now: their silence says nothing. */
  unsought(): readonly PeerKey[] {
    const linked = this.#linked();
    const of = (peer: PeerKey, reason: LinkReason) =>
      !linked.has(peer) && (this.#resting.has(peer) || reason === 'surplus' || reason === 'absent');
    return [...this.#reasons].flatMap(([peer, reason]) => (of(peer, reason) ? [peer] : []));
  }

  /** There is something to say: links that rested are made again. */
  wake(): void {
    for (const peer of this.#resting) this.#plan.retry(peer);
    this.#resting.clear();
  }

  /** Closes the link with a peer, with its reason for views and metrics. */
  close(peer: PeerKey, cause: CloseCause, words: string): void {
    if (cause === 'idle') this.#resting.add(peer);
    for (const connection of this.#options.overlay.connections(peer))
      this.end(peer, connection, cause, words);
  }

  /** Closes one connection with a peer, which may have another. */
  end(peer: PeerKey, connection: Connection, cause: CloseCause, words: string): void {
    if (cause === 'silent' && this.#parting.has(connection)) return;
    this.#ending(peer, cause, words);
    if (cause === 'idle' || cause === 'age' || cause === 'surplus') {
      this.#parting.add(connection);
      void this.#partings.part(connection, cause);
    } else hangUp(connection, words);
  }

  /** Looks at everything: once a second, and when the members changed. */
  look(): void {
    const { overlay, connections, clock, counters, members, forget, database, digest } = this.#options;
    if (!overlay.running) return;
    const now = clock.monotonic();
    const others = members();
    for (const peer of this.#strangers.look(others, new Set(connections.peers()))) {
      this.close(peer, 'stranger', 'not a member any more');
      this.#plan.forget(peer);
      database.forget(peer);
      this.#resting.delete(peer);
      this.#missed.delete(peer);
      forget(peer);
    }
    if (digest() !== this.#digest) this.wake();
    this.#digest = digest();
    const facts = this.#facts(now, others);
    const { reasons, close } = this.#choice.look(now, facts);
    this.#reasons = reasons;
    this.#bootstrap = whyBootstrap(facts, this.#options.fullMesh, this.#options.joining()) !== undefined;
    for (const peer of close) this.close(peer, 'surplus', 'surplus: other links carry more');
    const linked = facts.flatMap(({ peer, connected, ageMs = 0 }) => (connected ? [{ peer, ageMs }] : []));
    for (const { peer } of linked) database.confirm(peer, now);
    for (const peer of this.#deafness.look(linked)) {
      counters.add('gossip.mended');
      this.close(peer, 'deaf', 'gossip was deaf on it');
    }
    const outlived = this.#policy.look(now, facts);
    if (outlived !== undefined) this.close(outlived.peer, outlived.cause, outlived.words);
  }

  #facts(now: number, others: readonly PeerKey[]): LinkFacts[] {
    const { connections, traffic, absent, stateOf } = this.#options;
    const sole = this.#options.sole();
    const linked = this.#linked();
    const before = this.#useful;
    this.#useful = new Map([...linked].map((peer) => [peer, traffic.useful(peer)]));
    return others.map((peer) => {
      const connected = linked.has(peer);
      const state = stateOf(peer);
      const useful = this.#useful.get(peer) ?? 0;
      return {
        peer,
        connected,
        ageMs: connections.ageOf(peer, now),
        bytes: Math.max(0, useful - (before.get(peer) ?? useful)),
        soleFor: connected ? (sole.get(peer) ?? 0) : 0,
        // Whom we cannot reach is not to be had, whoever else hears it.
        state: connected || state === 'left' || this.#mayAnswer(peer, now) ? state : 'down',
        absent: absent(peer),
      };
    });
  }

  #mayAnswer(peer: PeerKey, now: number): boolean {
    return !this.#plan.unanswered(peer) && this.#options.database.best(peer, now) !== undefined;
  }

  #tick(): void {
    if (this.#signal.aborted) return;
    const { clock, connections, joining } = this.#options;
    const how = { bootstrap: this.#bootstrap, alone: joining(), linked: connections.peers() };
    this.#dialler.dial(this.#wishes(), how, this.#signal);
    this.#timer = clock.after(TICK_MS, () => this.#tick());
  }

  /** Whom to dial, the most wanted first. */
  #wishes(): Wish[] {
    const { stateOf } = this.#options;
    for (const peer of this.#beside) if (stateOf(peer) === 'alive') this.#beside.delete(peer);
    const beside = [...this.#beside].map((peer): Wish => ({ peer, pace: 'beside' }));
    const linked = this.#linked();
    for (const peer of this.#missed)
      if (linked.has(peer) || this.#plan.unanswered(peer)) this.#missed.delete(peer);
    const brisk: Wish[] = [];
    const slow: Wish[] = [];
    for (const [peer, reason] of this.#reasons) {
      if (linked.has(peer) || this.#resting.has(peer)) continue;
      if (isWanted(reason) || this.#missed.has(peer)) brisk.push({ peer, pace: 'brisk' });
      else if (reason !== 'surplus') slow.push({ peer, pace: 'slow' });
    }
    return [...beside, ...brisk, ...slow];
  }

  /** The other side closes the link. */
  #told(peer: PeerKey, parting: Parting): void {
    this.#ending(peer, 'told', `the other side closed it: ${parting}`);
    if (parting === 'surplus') {
      this.#choice.parted(peer, this.#options.clock.monotonic());
      // Until the next look the reason would be that of a link that stands, and it would be dialled.
      this.#reasons.set(peer, 'surplus');
    }
    if (parting === 'idle') this.#resting.add(peer);
  }

  #ending(peer: PeerKey, cause: CloseCause, words: string): void {
    const { counters, states, log } = this.#options;
    this.#ended.add(peer);
    counters.add(`links.closed.${cause}`);
    log.debug({ peer, cause }, 'a link is closed');
    states.ending(peer, words);
  }

  #isLinked(peer: PeerKey): boolean {
    return this.#options.overlay.connections(peer).length > 0;
  }

  /** Peers with an open connection, also guests. */
  #linked(): Set<PeerKey> {
    const open = this.#options.overlay.connections();
    return new Set(open.map(({ remotePeer }) => peerKeyOf(remotePeer)).filter((peer) => peer !== undefined));
  }
}

/** Addresses that name a peer. */
function byPeer(places: readonly PeerAddress[]): Map<PeerKey, string[]> {
  const all = new Map<PeerKey, string[]>();
  for (const { peer, text } of places)
    if (peer !== undefined) all.set(peer, [...(all.get(peer) ?? []), text]);
  return all;
}
