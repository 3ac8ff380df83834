/** The main job, shown on real packets: what is blocked on one router is blocked on all of them. */
import { ask, hedgerow, type Status } from './ask.ts';
import { makeHome } from './home.ts';
import type { House } from './house-api.ts';
import { ms, type Report, type Telling } from './report.ts';
import { Traffic } from './streams.ts';
import { timeUntil, until } from './wait.ts';
import { Watch } from './watch.ts';

/** The part of `hedgerow block` that the demo looks at. */
interface Change {
  readonly enforced: boolean;
  readonly routers: readonly { readonly router: string; readonly applied: boolean; readonly ms: number }[];
}

const BLOCKED = ['tv', 'ads.example'] as const;
/** What the design promises for a healed split, and for an address that another router learned. */
const SOON_MS = 2000;
const DIGEST_MS = 30_000;

/** The streams of the demo: what will be blocked, and what goes on. */
export const demoTraffic = (house: House) =>
  new Traffic(house, [
    { device: BLOCKED[0], domain: BLOCKED[1], kinds: ['udp', 'tcp', 'icmp'] },
    { device: 'tv', domain: 'video.example', kinds: ['udp', 'tcp'] },
    { device: 'console', domain: 'ads.example', kinds: ['udp'] },
  ]);

/** Runs on a raised house of the default topology, whose agents do not run yet. */
export class Demo {
  readonly #house: House;
  readonly #traffic: Traffic;
  readonly #tell: Telling;
  readonly #signal: AbortSignal;
  readonly #names: readonly string[];
  readonly #watch: Watch;

  constructor(house: House, traffic: Traffic, tell: Telling, signal: AbortSignal) {
    this.#house = house;
    this.#traffic = traffic;
    this.#tell = tell;
    this.#signal = signal;
    this.#names = house.topology.routers.map(({ name }) => name);
    this.#watch = new Watch(traffic, tell, traffic.between(...BLOCKED));
  }

  /** The checks decide what is ok; only what makes it impossible to go on is thrown. */
  async run(): Promise<Report> {
    const ready = await this.#agents();
    await this.#flow();
    const block = await this.#block();
    await this.#moves();
    await this.#newAddress();
    await this.#crash();
    const heal_ms = await this.#split();
    await this.#lift();
    return {
      ok: this.#tell.checks.every(({ ok }) => ok),
      routers: await Promise.all(
        this.#names.map(async (name, i) => {
          const { enforcement, rssMb } = await this.#status(name);
          return { name, backend: enforcement.backend, rss_mb: rssMb, ready_ms: round(ready[i] ?? 0) };
        }),
      ),
      block,
      leaked_packets: this.#watch.leaked,
      unblocked_still_flowing: this.#watch.flowing,
      heal_ms: round(heal_ms),
      checks: this.#tell.checks,
    };
  }

  async #agents(): Promise<number[]> {
    this.#tell.step('Agents');
    const ready = await Promise.all(this.#names.map((name) => this.#house.start(name, this.#signal)));
    const begun = performance.now();
    await makeHome(this.#house, this.#signal);
    this.#tell.say(`${this.#names.join(', ')} ready in ${ready.map(ms).join(', ')}`);
    this.#tell.say(`one home in ${ms(performance.now() - begun)}`);
    return ready;
  }

  async #flow() {
    this.#tell.step('Traffic');
    await this.#traffic.count();
    await Promise.all([...this.#traffic.devices].map((device) => this.#traffic.start(device)));
    const knowsTv = async () =>
      (await ask<{ label: string }[]>(this.#house, 'attic', 'devices')).some(({ label }) => label === 'tv');
    await until('attic to know the TV', knowsTv, { signal: this.#signal });
    await this.#watch.allFlow(this.#signal);
  }

  async #block(): Promise<Report['block']> {
    this.#tell.step('attic: hedgerow block tv ads.example');
    const begun = performance.now();
    const { enforced, routers } = await this.#on<Change>('attic', 'block', ...BLOCKED);
    const command_ms = performance.now() - begun;
    const before = await this.#traffic.arrived();
    const applied = routers.filter((answer) => answer.applied).map(({ router }) => router);
    this.#tell.check(
      'every router has it in its kernel',
      enforced && this.#names.every((name) => applied.includes(name)),
      `${routers.map((r) => `${r.router} ${r.applied ? `after ${ms(r.ms)}` : 'did not answer'}`).join(', ')}; the command took ${ms(command_ms)}`,
    );
    await this.#watch.isCut('the TV is cut from ads.example, all else goes on', before, this.#signal);
    const kernel_ms = Object.fromEntries(routers.map((answer) => [answer.router, answer.ms]));
    return { command_ms: round(command_ms), kernel_ms };
  }

  async #moves() {
    this.#tell.step('The TV moves');
    for (const router of ['kitchen', 'garage']) {
      await this.#traffic.stop('tv');
      await this.#house.move('tv', router);
      const before = await this.#traffic.arrived();
      await this.#traffic.start('tv');
      await this.#watch.isCut(`cut at ${router} from the first packet`, before, this.#signal);
    }
  }

  /** Kitchen's phone looks up a new address of the advertising service; soon the TV, elsewhere, cannot reach it. */
  async #newAddress() {
    this.#tell.step('ads.example gets a new address, which only kitchen looks up');
    const fresh = '203.0.113.29';
    const addresses = this.#house.topology.zone[BLOCKED[1]] ?? [];
    await this.#house.setZone(BLOCKED[1], [...addresses, fresh]);
    await this.#house.must('phone', ['getent', 'ahosts', BLOCKED[1]], { signal: this.#signal });
    const reaches = async (device: string) =>
      (await this.#house.exec(device, ['ping', '-c', '1', '-W', '0.2', fresh], { signal: this.#signal }))
        .code === 0;
    const took = await timeUntil(async () => !(await reaches('tv')), {
      timeoutMs: SOON_MS,
      signal: this.#signal,
    });
    const others = await reaches('console');
    this.#tell.check(
      'the new address is blocked on the other routers too',
      took !== undefined && others,
      `${fresh} ${took === undefined ? `still reached after ${ms(SOON_MS)}` : `cut for the TV within ${ms(took)}`}, ${others ? 'open' : 'cut'} for the console`,
    );
  }

  async #crash() {
    this.#tell.step("kill -9 of garage's agent, where the TV is now");
    await this.#house.kill('garage', 'SIGKILL');
    const before = await this.#traffic.arrived();
    await this.#watch.isCut('what was blocked stays blocked without an agent', before, this.#signal);
    const beforeStart = await this.#traffic.arrived();
    const took = await this.#house.start('garage', this.#signal);
    await this.#sameDigest();
    await this.#watch.isCut(`and while it starts again (${ms(took)})`, beforeStart, this.#signal);
  }

  /** Both sides of a split change things; after it all are the same, and a pair blocked anew on one side is blocked. */
  async #split(): Promise<number> {
    this.#tell.step('garage is cut off; both sides change things');
    await this.#on('kitchen', 'block', 'phone', 'video.example');
    await this.#on('attic', 'block', 'tv', 'tracker.example');
    await this.#sameDigest();
    await this.#house.cut('garage', 'attic');
    await this.#house.cut('garage', 'kitchen');
    await this.#on('garage', 'unblock', 'phone', 'video.example', '--no-wait');
    await this.#on('garage', 'unblock', 'tv', 'tracker.example', '--no-wait');
    await this.#on('attic', 'unblock', 'tv', 'tracker.example', '--no-wait');
    await this.#on('attic', 'block', 'tv', 'tracker.example', '--no-wait');
    const apart = (await this.#digests()).size === 2;
    await this.#house.heal();
    const took = await this.#sameDigest();
    const soon = took !== undefined && took <= SOON_MS;
    this.#tell.check(
      'healed, all have the same digest',
      apart && soon,
      `${apart ? 'two' : 'not two'} digests during the cut, ${took === undefined ? 'never one' : `one after ${ms(took)}`}`,
    );
    const pairs = await this.#policies('garage');
    this.#tell.check(
      'a pair that one side unblocked and the other blocked anew is blocked',
      pairs.some((pair) => pair.includes('tracker.example')) &&
        !pairs.some((pair) => pair.includes('video.example')),
      pairs.join(', '),
    );
    return took ?? DIGEST_MS;
  }

  async #lift() {
    this.#tell.step('garage: hedgerow unblock tv ads.example');
    const before = await this.#traffic.arrived();
    await this.#on('garage', 'unblock', ...BLOCKED);
    const udp = this.#traffic.between(...BLOCKED).filter((name) => name.includes('udp'));
    const flows = async () => {
      const now = await this.#traffic.arrived();
      return udp.every((name) => (now[name] ?? 0) > (before[name] ?? 0));
    };
    const took = await timeUntil(flows, { timeoutMs: SOON_MS, signal: this.#signal });
    const left = await Promise.all(this.#names.map((name) => this.#policies(name)));
    this.#tell.check(
      'lifted everywhere',
      took !== undefined && !left.flat().some((pair) => pair.includes(BLOCKED[1])),
      took === undefined ? 'still cut' : `flows again within ${ms(took)} of the command`,
    );
  }

  async #on<T>(router: string, ...argv: string[]): Promise<T> {
    return await hedgerow<T>(this.#house, router, argv, this.#signal);
  }

  async #status(router: string): Promise<Status> {
    return await ask<Status>(this.#house, router, 'status');
  }

  async #policies(router: string): Promise<string[]> {
    const policies = await ask<{ a: { label: string }; b: { label: string } }[]>(
      this.#house,
      router,
      'policies',
    );
    return policies.map(({ a, b }) => `${a.label} – ${b.label}`);
  }

  /** Waits until all routers have the same digest: how long, or undefined when they never do. */
  async #sameDigest(): Promise<number | undefined> {
    const same = async () => (await this.#digests()).size === 1;
    return await timeUntil(same, { timeoutMs: DIGEST_MS, everyMs: 10, signal: this.#signal });
  }

  async #digests(): Promise<ReadonlySet<string>> {
    const all = await Promise.all(this.#names.map((router) => this.#status(router)));
    return new Set(all.map(({ digest }) => digest));
  }
}

const round = (value: number) => Math.round(value * 10) / 10;
