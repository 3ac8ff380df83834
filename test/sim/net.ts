import type { Random } from './random.ts';

/** A message on its way, to be delivered at `due` (monotonic milliseconds). */
interface Flight {
  readonly due: number;
  readonly from: number;
  readonly to: number;
  readonly arrive: () => void;
}

const LOST = 0.25;
const DOUBLED = 0.15;
const LATE = 0.3;
/** A late message takes up to so long, milliseconds: longer than what was sent after it. */
const LATE_MS = 5_000;

/** Paths between routers in memory: cut one way or both, split in parts, with gossip that is lost, doubled and late. */
export class Net {
  readonly count = { sent: 0, lost: 0, doubled: 0, late: 0 };
  readonly #cuts = new Set<string>();
  #splits: ReadonlySet<number>[] = [];
  #flights: Flight[] = [];

  cut(from: number, to: number): void {
    this.#cuts.add(`${from} ${to}`);
  }

  /** Nothing passes between these and the others. */
  split(routers: readonly number[]): void {
    this.#splits.push(new Set(routers));
  }

  heal(): void {
    this.#cuts.clear();
    this.#splits = [];
  }

  /** Whether anything passes from one to the other now. */
  passes(from: number, to: number): boolean {
    return !this.#cuts.has(`${from} ${to}`) && this.#splits.every((part) => part.has(from) === part.has(to));
  }

  /** Sends a message that may be lost, arrive twice, or after later ones. */
  post(from: number, to: number, now: number, random: Random, arrive: () => void): void {
    this.count.sent += 1;
    if (random.chance(LOST)) {
      this.count.lost += 1;
      return;
    }
    const copies = random.chance(DOUBLED) ? 2 : 1;
    this.count.doubled += copies - 1;
    for (let copy = 0; copy < copies; copy++) {
      const late = random.chance(LATE);
      if (late) this.count.late += 1;
      this.#flights.push({ due: now + (late ? random.below(LATE_MS) : 0), from, to, arrive });
    }
  }

  /** Everything that is due arrives, unless its path was cut meanwhile. */
  deliver(now: number): void {
    while (this.#flights.some(({ due }) => due <= now)) {
      const due = this.#flights.filter((flight) => flight.due <= now).sort((x, y) => x.due - y.due);
      this.#flights = this.#flights.filter((flight) => flight.due > now);
      for (const { from, to, arrive } of due) {
        if (this.passes(from, to)) arrive();
        else this.count.lost += 1;
      }
    }
  }
}
