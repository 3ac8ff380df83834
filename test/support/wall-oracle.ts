import type { Window } from '../../src/policy/records.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/**
 * Schedules by definition, minute by minute over three weeks around a day: a window holds from the first minute at which
 * a clock on the wall shows its beginning or more, to the last one at which it still shows less than its end. Knows
 * nothing of offsets; asks the platform what the clock shows at each minute.
 */
export class WallOracle {
  readonly first: number;
  readonly length = 21 * 24 * 60;
  /** The greatest reading until a minute, and the least from it on. */
  readonly #most: number[] = [];
  readonly #least: number[] = [];

  constructor(zone: string, middle: string) {
    this.first = Date.parse(`${middle}T00:00:00Z`) - 10 * DAY;
    const format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    });
    const shown = Array.from({ length: this.length }, (_, i) => {
      const [day = 0, month = 1, year = 0, hour = 0, minute = 0] = format
        .format(this.moment(i))
        .split(/\D+/)
        .map(Number);
      return Date.UTC(year, month - 1, day, hour, minute);
    });
    for (const reading of shown) this.#most.push(Math.max(reading, this.#most.at(-1) ?? reading));
    for (const reading of shown.toReversed())
      this.#least.push(Math.min(reading, this.#least.at(-1) ?? reading));
    this.#least.reverse();
  }

  /** The moment (Unix milliseconds) of a minute of the three weeks. */
  moment(minute: number): number {
    return this.first + minute * MINUTE;
  }

  inForce(windows: readonly Window[], minute: number): boolean {
    const most = this.#most[minute] ?? 0;
    const least = this.#least[minute] ?? 0;
    const today = Math.floor(most / DAY);
    return [today - 2, today - 1, today, today + 1].some((day) =>
      windows.some(({ days, from, to }) => {
        const monday0 = (new Date(day * DAY).getUTCDay() + 6) % 7;
        if ((days & (1 << monday0)) === 0) return false;
        const begin = day * DAY + from * MINUTE;
        const end = (to <= from ? day + 1 : day) * DAY + to * MINUTE;
        return most >= begin && least < end;
      }),
    );
  }
}
