/** What rules cost the packets that nothing blocks: ours with each backend, and SPIN's shape, beside no rules at all. */
import { type House, raise } from '../lab/house-api.ts';
import type { Backend } from '../src/local/enforce/backend.ts';
import type { Bench, Context } from './bench.ts';
import { ADDRESSES, type Beside, blockSetOf } from './enforce-sets.ts';
import {
  lanOf,
  mustBlock,
  prepare,
  ROUTERS,
  type RouterName,
  type Sender,
  type Sends,
  streamOf,
  topology,
  urgent,
} from './forwarding-house.ts';
import { CONTROL, type Measured, report, text } from './forwarding-report.ts';
import { backendOn, execOn, type Kind, putSpin, spinShape } from './forwarding-rules.ts';
import { inTurns, TURN_S, TURNS } from './forwarding-turns.ts';

const SIZES = [10, 100, 1_000, 5_000];
/** The size at which the promises are, and at which what is rare is measured too. */
const USUAL = 1_000;

const BESIDE = [
  ['pairs', {}],
  ['pairs, MACs', { macs: true }],
  ['wide', { wide: true }],
  ['wide, MACs', { wide: true, macs: true }],
] as const satisfies readonly (readonly [string, Beside])[];
/** TCP is measured with the least and the most. */
const ENDS: readonly string[] = ['pairs', 'wide, MACs'];
const BACKENDS: readonly (readonly [RouterName, Kind])[] = [
  ['ipset', 'ipset'],
  ['ipsetnft', 'ipset-nft'],
  ['nftables', 'nftables'],
];

type Options = Readonly<Record<'rounds' | 'smallest' | 'largest' | 'cells', number>>;

export const forwarding: Bench<keyof Options> = {
  name: 'forwarding',
  describe: 'packets and bytes a second that pass beside N blocked pairs, over no rules at all',
  options: {
    rounds: {
      describe: `times (5 and more, to tell an interval) that the senders of a cell are started anew; each sends ${TURNS} times ${TURN_S * 1000} ms then`,
      default: 8,
    },
    smallest: { describe: 'of 10, 100, 1,000 and 5,000 pairs, from so many', default: 10 },
    largest: { describe: 'up to so many', default: 5_000 },
    cells: {
      describe:
        '1: pairs, and all kinds of subjects; 2: also each by itself; 3: also senders that have it harder',
      default: 3,
    },
  },
  quick: { smallest: 1_000, largest: 1_000, cells: 1 },
  async run(options, context) {
    const house = await raise(topology(), {
      name: `bench-forwarding-${process.pid}`,
      signal: context.signal,
    });
    try {
      await prepare(house, context.signal);
      const realTime = (await urgent(house, 'measure')).length > 0;
      if (!realTime) context.tell('no real-time priority here (sched(7)): figures will scatter');
      context.tell(`a house of ${ROUTERS.length} routers stands`);
      const measured = await new Cells(house, options, context).all();
      return report(measured, realTime);
    } finally {
      await house.down();
    }
  },
};

class Cells {
  readonly #house: House;
  readonly #options: Options;
  readonly #context: Context;
  readonly #backends: ReadonlyMap<RouterName, Backend>;
  readonly #measured: Measured[] = [];

  constructor(house: House, options: Options, context: Context) {
    this.#house = house;
    this.#options = options;
    this.#context = context;
    this.#backends = new Map(
      BACKENDS.map(([router, kind]) => [router, backendOn(kind, execOn(house, router))]),
    );
  }

  async all(): Promise<readonly Measured[]> {
    const { smallest, largest } = this.#options;
    try {
      for (const pairs of SIZES.filter((size) => size >= smallest && size <= largest))
        await this.#size(pairs);
    } finally {
      for (const backend of this.#backends.values()) await backend.stop();
    }
    return this.#measured;
  }

  async #size(pairs: number): Promise<void> {
    const { signal } = this.#context;
    await this.#both('bare2', CONTROL, pairs);
    const { cells } = this.#options;
    for (const [name, beside] of BESIDE.filter(([one]) => cells > 1 || ENDS.includes(one)))
      for (const [router, kind] of BACKENDS) {
        // The other iptables is there for comparison only.
        if (router === 'ipsetnft' && (pairs !== USUAL || cells < 2)) continue;
        await this.#backends.get(router)?.set(blockSetOf(lanOf(router), pairs, beside), signal);
        await mustBlock(this.#house, router, signal);
        const what = `${kind}: ${name}`;
        await this.#both(router, what, pairs, ENDS.includes(name));
        if (pairs !== USUAL || cells < 3 || name !== ENDS.at(-1)) continue;
        for (const sender of ['unknown', 'excepted', 'listed'] as const)
          await this.#udp(router, what, pairs, sender);
      }
    const shape = spinShape(blockSetOf(lanOf('spin'), pairs), ADDRESSES);
    await putSpin(this.#house, 'spin', shape, signal);
    await mustBlock(this.#house, 'spin', signal);
    await this.#both('spin', 'the shape of SPIN', pairs);
  }

  async #both(router: RouterName, what: string, pairs: number, tcp = true): Promise<void> {
    await this.#udp(router, what, pairs, 'owner');
    if (!tcp) return;
    for (const family of [4, 6] as const)
      await this.#cell(router, what, pairs, { family, protocol: 'tcp', sender: 'owner' });
  }

  async #udp(router: RouterName, what: string, pairs: number, sender: Sender): Promise<void> {
    for (const family of [4, 6] as const)
      await this.#cell(router, what, pairs, { family, protocol: 'udp', sender });
  }

  async #cell(router: RouterName, what: string, pairs: number, sends: Sends): Promise<void> {
    const { signal, tell } = this.#context;
    const control = await streamOf(this.#house, 'bare', sends);
    const stream = await streamOf(this.#house, router, sends);
    const first = await urgent(this.#house, 'measure');
    const turns = await inTurns(this.#house, { control, stream, first }, this.#options.rounds, signal);
    this.#measured.push({ what, pairs, ...sends, ...turns });
    const { protocol, family, sender } = sends;
    const whose = sender === 'owner' ? '' : `, ${sender}`;
    tell(`${pairs} pairs, ${what}, ${protocol} over IPv${family}${whose}: ${text(turns.processor)}`);
  }
}
