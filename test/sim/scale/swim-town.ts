import { Random } from '../random.ts';
import { Air } from './air.ts';
import type { Fault } from './detection.ts';
import { Machine } from './machine.ts';
import type { Pass } from './pass.ts';
import { SwimNode } from './swim.ts';
import { Timeline } from './timeline.ts';

interface Faulty {
  readonly by: number;
  readonly about: number;
  readonly at: number;
}

/** So many SWIM nodes on the same air as the agents (town.ts). */
export class SwimTown {
  readonly timeline = new Timeline();
  readonly random: Random;
  readonly air: Air;
  readonly nodes: SwimNode[] = [];
  readonly machines: Machine[] = [];
  /** Everybody who was called faulty since the list was last emptied. */
  faulty: Faulty[] = [];

  constructor(members: number, seed: number, loss: number) {
    const { timeline } = this;
    this.random = new Random(seed);
    this.air = new Air({ timeline, random: this.random, loss });
    for (let n = 0; n < members; n++) {
      const machine = new Machine(timeline);
      const onFaulty = (about: number) => this.faulty.push({ by: n, about, at: timeline.monotonic() });
      const nodeOf = (other: number) => this.nodes[other];
      this.machines.push(machine);
      this.nodes.push(
        new SwimNode({ n, members, machine, air: this.air, random: this.random, nodeOf, onFaulty }),
      );
    }
    for (const node of this.nodes) node.start();
  }

  /** When each of the others first called it faulty after the fault, milliseconds. */
  async detect(n: number, fault: Fault, ms: number, pass: Pass): Promise<number[]> {
    await pass(this.timeline, this.random.next() * 1_500);
    this.faulty = [];
    const at = this.timeline.monotonic();
    if (fault === 'kill') this.machines[n]?.become('gone');
    for (let other = 0; other < this.nodes.length; other++) {
      if (fault !== 'kill') this.air.cut(n, other);
      if (fault === 'silent cut') this.air.cut(other, n);
    }
    await pass(this.timeline, ms);
    const first = new Map<number, number>();
    for (const { by, about, at: then } of this.faulty)
      if (about === n && by !== n && !first.has(by)) first.set(by, then - at);
    return [...first.values()];
  }
}
