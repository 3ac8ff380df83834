import type { Random } from '../random.ts';
import type { Air } from './air.ts';
import type { Machine } from './machine.ts';

/** As in the paper; what it leaves open is as memberlist has it for a LAN, milliseconds. */
const PERIOD_MS = 1_000;
const PING_MS = 300;
const ASKED = 3;
const SUSPICION_PERIODS = 4;
/** A change rides on so many datagrams times the logarithm of the members, so many changes on one. */
const SPREAD = 3;
const RIDING = 6;

type State = 'alive' | 'suspect' | 'faulty';

interface Word {
  readonly member: number;
  readonly state: State;
  readonly incarnation: number;
}

interface Known {
  state: State;
  incarnation: number;
  since: number;
}

type Datagram =
  | { readonly kind: 'ping' | 'ack'; readonly nth: number; readonly words: readonly Word[] }
  | {
      readonly kind: 'ping-req';
      readonly nth: number;
      readonly target: number;
      readonly words: readonly Word[];
    };

export interface SwimOptions {
  readonly n: number;
  readonly members: number;
  readonly machine: Machine;
  readonly air: Air;
  readonly random: Random;
  readonly nodeOf: (n: number) => SwimNode | undefined;
  /** A member is called faulty here. */
  readonly onFaulty: (member: number) => void;
}

/**
 * SWIM as Das, Gupta and Motivala wrote it (DSN 2002): each period one member is pinged, in random round-robin; without an answer
 * three others ping it; without one until the period ends it is suspect, and after the suspicion time faulty. What changed
 * rides on the datagrams. A faulty member that lives says so with a higher incarnation and is taken back, as memberlist does.
 */
export class SwimNode {
  readonly #options: SwimOptions;
  readonly #known = new Map<number, Known>();
  readonly #riding = new Map<number, { word: Word; left: number }>();
  #round: number[] = [];
  #incarnation = 0;
  #nth = 0;
  /** The ping of this period, and whether it was answered. */
  #waiting: { readonly nth: number; readonly target: number; answered: boolean } | undefined;
  /** Pings for others: whom to tell, and with which number. */
  readonly #relayed = new Map<number, { readonly to: number; readonly nth: number }>();

  constructor(options: SwimOptions) {
    this.#options = options;
    for (let n = 0; n < options.members; n++)
      if (n !== options.n) this.#known.set(n, { state: 'alive', incarnation: 0, since: 0 });
  }

  start(): void {
    const { machine, random } = this.#options;
    machine.after(random.next() * PERIOD_MS, () => this.#period());
  }

  stateOf(member: number): State {
    return this.#known.get(member)?.state ?? 'faulty';
  }

  receive(from: number, datagram: Datagram): void {
    for (const word of datagram.words) this.#hear(word);
    switch (datagram.kind) {
      case 'ping':
        this.#send(from, { kind: 'ack', nth: datagram.nth, words: this.#words() });
        return;
      case 'ping-req': {
        const nth = this.#nth++;
        this.#relayed.set(nth, { to: from, nth: datagram.nth });
        this.#send(datagram.target, { kind: 'ping', nth, words: this.#words() });
        return;
      }
      case 'ack': {
        const relay = this.#relayed.get(datagram.nth);
        this.#relayed.delete(datagram.nth);
        if (relay !== undefined) this.#send(relay.to, { kind: 'ack', nth: relay.nth, words: this.#words() });
        else if (this.#waiting?.nth === datagram.nth) this.#waiting.answered = true;
      }
    }
  }

  #period(): void {
    const { machine } = this.#options;
    const last = this.#waiting;
    if (last !== undefined && !last.answered) this.#suspect(last.target);
    this.#bury();
    this.#waiting = undefined;
    const target = this.#next();
    if (target !== undefined) {
      const ping = { nth: this.#nth++, target, answered: false };
      this.#waiting = ping;
      this.#relayed.clear();
      this.#send(target, { kind: 'ping', nth: ping.nth, words: this.#words() });
      machine.after(PING_MS, () => this.#askOthers(ping));
    }
    machine.after(PERIOD_MS, () => this.#period());
  }

  #askOthers(ping: { readonly nth: number; readonly target: number; readonly answered: boolean }): void {
    if (ping.answered) return;
    const others = this.#present().filter((n) => n !== ping.target);
    for (let i = 0; i < ASKED && others.length > 0; i++) {
      const [other] = others.splice(this.#options.random.below(others.length), 1);
      if (other === undefined) return;
      this.#send(other, { kind: 'ping-req', nth: ping.nth, target: ping.target, words: this.#words() });
    }
  }

  #next(): number | undefined {
    for (let tries = 0; tries <= this.#known.size; tries++) {
      if (this.#round.length === 0) this.#round = this.#shuffled();
      const next = this.#round.pop();
      if (next === undefined || this.stateOf(next) !== 'faulty') return next;
    }
    return undefined;
  }

  #shuffled(): number[] {
    const left = this.#present();
    const order: number[] = [];
    while (left.length > 0) order.push(...left.splice(this.#options.random.below(left.length), 1));
    return order;
  }

  #present(): number[] {
    return [...this.#known].filter(([, { state }]) => state !== 'faulty').map(([n]) => n);
  }

  #suspect(member: number): void {
    const known = this.#known.get(member);
    if (known?.state === 'alive') this.#learn({ member, state: 'suspect', incarnation: known.incarnation });
  }

  /** Suspected for long enough. */
  #bury(): void {
    const { machine } = this.#options;
    for (const [member, { state, since, incarnation }] of this.#known) {
      if (state === 'suspect' && machine.monotonic() - since >= SUSPICION_PERIODS * PERIOD_MS)
        this.#learn({ member, state: 'faulty', incarnation });
    }
  }

  #hear(word: Word): void {
    if (word.member === this.#options.n) {
      if (word.state === 'alive' || word.incarnation < this.#incarnation) return;
      this.#incarnation = word.incarnation + 1;
      this.#ride({ member: this.#options.n, state: 'alive', incarnation: this.#incarnation });
      return;
    }
    const known = this.#known.get(word.member);
    if (known === undefined) return;
    const newer = word.incarnation > known.incarnation;
    if (newer || (word.incarnation === known.incarnation && rank(word.state) > rank(known.state)))
      this.#learn(word);
  }

  #learn(word: Word): void {
    const { machine, onFaulty } = this.#options;
    const before = this.stateOf(word.member);
    this.#known.set(word.member, {
      state: word.state,
      incarnation: word.incarnation,
      since: machine.monotonic(),
    });
    this.#ride(word);
    if (word.state === 'faulty' && before !== 'faulty') onFaulty(word.member);
  }

  #ride(word: Word): void {
    const left = SPREAD * Math.ceil(Math.log2(this.#known.size + 2));
    this.#riding.set(word.member, { word, left });
  }

  /** Those that rode least go first. */
  #words(): Word[] {
    const chosen = [...this.#riding.values()].sort((a, b) => b.left - a.left).slice(0, RIDING);
    for (const one of chosen) {
      one.left -= 1;
      if (one.left <= 0) this.#riding.delete(one.word.member);
    }
    return chosen.map((one) => one.word);
  }

  #send(to: number, datagram: Datagram): void {
    const { air, n, nodeOf } = this.#options;
    air.carry(n, to, () => {
      const node = nodeOf(to);
      if (node !== undefined) node.#options.machine.do(() => node.receive(n, datagram));
    });
  }
}

function rank(state: State): number {
  return state === 'alive' ? 0 : state === 'suspect' ? 1 : 2;
}
