import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { About } from '../../src/p2p/alive/about-wire.ts';
import { SPEECH_BURST, SPEECH_RATE } from '../../src/p2p/floods.ts';
import { randomHex } from '../../src/p2p/keys.ts';
import type { PeerView } from '../../src/p2p/peer-view.ts';
import { type BadPartner, badPartner, Keepalives } from './bad-partner.ts';
import { addressOf, equal, eventually, House, type Router, writeBlock, writeCard } from './house.ts';

/** The shortest tolerance, milliseconds. */
const TOLERANCE_MS = 4_000;
/** So long the bad ones are at it: longer than the tolerance, shorter than what a member without gossip is left alone for. */
const SCENE_MS = 6_000;
/** An answer out of turn is at least so far from the one before, milliseconds (src/p2p/alive/alive-link.ts). */
const ANSWER_MS = 50;
/** The shouter waits while more than this waits to go out, bytes: about a hundred keep-alives. */
const MAX_QUEUED = 256 * 1024;
/** So many keep-alives fit into what waits on either side: queue, window, and what is read and not looked at. */
const MAX_ON_THE_WAY = 400;
/** So many frames a turn the asker sends, about every 10 ms. */
const FRAMES = 10;

const house = new House();
const stops: (() => Promise<void>)[] = [];
const over = new AbortController();

/** Says that it heard `dead` just now, that it did not hear `live` for ages or at all, and things about its state. */
async function lie(liar: BadPartner, dead: Router, live: Router): Promise<void> {
  const words = await Keepalives.open(liar);
  const about: About[] = [
    { peer: dead.key.peer, ageMs: 0, digest: undefined, applied: undefined, recent: [] },
    ...[Number.MAX_SAFE_INTEGER - 1, undefined].map((ageMs) => ({
      peer: live.key.peer,
      ageMs,
      ...{ digest: randomHex(32), applied: randomHex(32), recent: [randomHex(32)] },
    })),
  ];
  while (!over.signal.aborted) {
    words.say({ about });
    await systemClock.sleep(100);
  }
}

/** Asks for 64 members with every frame: for `live` with every other one, so that they are always new; the rest it makes up. */
async function askForAll(asker: BadPartner, live: readonly Router[]): Promise<Keepalives> {
  const words = await Keepalives.open(asker);
  const made = Array.from({ length: 64 }, () => randomHex(32));
  const real = [...live.map(({ key }) => key.peer), ...made].slice(0, 64);
  while (!over.signal.aborted) {
    for (let n = 0; n < FRAMES; n++) words.say({ asks: n % 2 === 0 ? real : made });
    await systemClock.sleep(10);
  }
  return words;
}

/** Keep-alives without a pause, as long as they are taken. */
async function shout(words: Keepalives, signal: AbortSignal): Promise<void> {
  const asks = Array.from({ length: 64 }, () => randomHex(32));
  while (!signal.aborted && words.isOpen) {
    for (let n = 0; n < 100 && words.queued < MAX_QUEUED; n++) words.say({ asks });
    await systemClock.sleep(10);
  }
}

function seen(by: Router, of: { readonly peer: string }): PeerView {
  const view = by.network?.peers().find(({ peer }) => peer === of.peer);
  if (view === undefined) throw new Error('no such member');
  return view;
}

/** One scene, looked at by several tests. Times in milliseconds. */
interface Scene {
  readonly lastedMs: number;
  readonly liar: string;
  /** How the router that is lied to sees the dead that is spoken of, the dead that is not, and a live one at the end. */
  readonly spokenOf: PeerView;
  readonly unspoken: PeerView;
  readonly live: PeerView;
  /** How often the live one was seen in another state than alive. */
  readonly doubted: number;
  readonly asked: number;
  readonly answered: number;
  readonly routers: readonly [Router, Router];
  readonly shouter: BadPartner;
  /** What honest members waited for blocks of each other. */
  readonly waits: readonly number[];
}
let scene: Scene;

beforeAll(async () => {
  const all = house.routers(4);
  const [a, b, dead, other] = all;
  if (a === undefined || b === undefined || dead === undefined || other === undefined)
    throw new Error('no routers');
  const toleranceMs = TOLERANCE_MS;
  await house.start(a, { toleranceMs });
  for (const router of [b, dead, other]) {
    await house.start(router, { bootstrap: [addressOf(a)], toleranceMs });
    writeCard(router, 'some');
  }
  await eventually('all are together', () => equal(all) && a.network?.alive().length === 3);
  a.network?.membersChanged();
  const liar = await badPartner(house, a, stops);
  const asker = await badPartner(house, a, stops);
  const shouter = await badPartner(house, a, stops);
  await Promise.all([dead.network?.stop(), other.network?.stop()]);

  const began = performance.now();
  const bad = Promise.all([lie(liar, dead, b), askForAll(asker, [a, b])]);
  const waits: number[] = [];
  let doubted = 0;
  while (performance.now() - began < SCENE_MS) {
    const [from, to] = waits.length % 2 === 0 ? [a, b] : [b, a];
    const { id, envelope } = writeBlock(from, `honest${waits.length}`);
    from.network?.announceOp(envelope);
    waits.push(await eventually('an honest block', () => to.replica.op(id) !== undefined));
    if (seen(a, b.key).state !== 'alive') doubted += 1;
    await systemClock.sleep(100);
  }
  const lastedMs = performance.now() - began;
  const [spokenOf, unspoken, live] = [seen(a, dead.key), seen(a, other.key), seen(a, b.key)];
  over.abort(new Error('the scene is over'));
  const [, { said: asked, heard: answered }] = await bad;
  const lies = { liar: liar.peer, spokenOf, unspoken, live, doubted };
  scene = { lastedMs, ...lies, asked, answered, waits, routers: [a, b], shouter };
}, 60_000);

afterAll(async () => {
  over.abort();
  await Promise.all(stops.map((stop) => stop()));
  await house.stop();
});

describe('a member that lies about others', () => {
  it('can hold a dead one suspect, under its own name, and nothing goes there', () => {
    const { spokenOf, unspoken, liar } = scene;
    expect(unspoken.state).toBe('down');
    expect(spokenOf).toMatchObject({
      state: 'suspect',
      heardBy: liar,
      connections: 0,
      link: { state: 'down' },
    });
  });

  it('can make no live one down or doubted, nor speak for one that we hear', () => {
    expect(scene.doubted).toBe(0);
    expect(scene.live).toMatchObject({ state: 'alive', heardBy: undefined, appliedVia: undefined });
  });
});

describe('a member that asks for 64 others with every frame', () => {
  it('is answered no more often than the pace of answers', () => {
    const { asked, answered, lastedMs } = scene;
    expect(asked).toBeGreaterThan(500);
    expect(answered).toBeGreaterThan(0);
    // Besides those there are the keep-alives, and what is said of each block and each change.
    expect(answered).toBeLessThan(lastedMs / ANSWER_MS + 2 * scene.waits.length + 50);
  });

  it('keeps nobody from the others', () => {
    const sorted = scene.waits.toSorted((x, y) => x - y);
    expect(sorted.length).toBeGreaterThan(10);
    expect(sorted[Math.floor(sorted.length * 0.9)]).toBeLessThan(1_000);
    expect(sorted.at(-1)).toBeLessThan(3_000);
  });
});

describe('a member that sends keep-alives without end', () => {
  it('gets rid of a burst, and then of few; it is told of, stays connected, and keeps nobody from the others', async () => {
    const { routers, shouter } = scene;
    const [a, b] = routers;
    const words = await Keepalives.open(shouter);
    const stop = new AbortController();
    const shouting = shout(words, stop.signal);
    const over = () => seen(a, shouter).flooding !== undefined && words.said > SPEECH_BURST + MAX_ON_THE_WAY;
    await eventually('its burst is over and told of', over, 30_000);
    const [before, began] = [words.said, performance.now()];
    await systemClock.sleep(2_000);
    const { id, envelope } = writeBlock(a, 'honest');
    a.network?.announceOp(envelope);
    expect(await eventually('an honest block', () => b.replica.op(id) !== undefined)).toBeLessThan(2_000);
    const [taken, seconds] = [words.said - before, (performance.now() - began) / 1_000];
    stop.abort(new Error('the scene is over'));
    await shouting;
    expect(words.said).toBeGreaterThan(SPEECH_BURST);
    // Above the rate 64 are thrown away each quarter of a second.
    expect(taken).toBeLessThan((SPEECH_RATE + 4 * 64) * seconds + MAX_ON_THE_WAY);
    expect(seen(a, shouter)).toMatchObject({ state: 'alive', connections: 1 });
    expect(a.network?.stats()['alive.flood']).toBeGreaterThan(0);
  }, 60_000);
});
