import type * as z from 'zod';
import type { Clock } from '../../clock.ts';
import type { Moved, Recent } from '../../control/recent.ts';
import { protocolName } from '../../control/views/protocols.ts';
import type { flowsSchema } from './schemas.ts';

/** A message has so many flows at most, and as many drops: the busiest. */
const MAX_ROWS = 250;
/** Labels are looked up anew after this, milliseconds, and when the policy has changed: names are part of it. */
const LABELS_MS = 30_000;
const MAX_LABELS = 10_000;

/** How the node with an id is shown. */
export type Label = (id: string) => string;

/** How nodes are shown, looked up once for each for a while. */
export class Labels {
  readonly #look: (ids: readonly string[]) => Promise<Readonly<Record<string, string>>>;
  readonly #clock: Clock;
  #known = new Map<string, string>();
  #at = Number.NEGATIVE_INFINITY;
  #version: number | undefined;

  constructor(look: (ids: readonly string[]) => Promise<Readonly<Record<string, string>>>, clock: Clock) {
    this.#look = look;
    this.#clock = clock;
  }

  /** Looks up what is needed to show these. */
  async of({ moved, dropped, versions }: Pick<Recent, 'moved' | 'dropped' | 'versions'>): Promise<Label> {
    const now = this.#clock.monotonic();
    const stale = now - this.#at >= LABELS_MS || this.#version !== versions.policies;
    if (stale || this.#known.size > MAX_LABELS) {
      this.#known = new Map();
      this.#at = now;
      this.#version = versions.policies;
    }
    const shown = [...busiest(moved), ...dropped.slice(0, MAX_ROWS)];
    const ids = new Set(shown.flatMap(({ device, other }) => [device, other]));
    const unknown = [...ids].filter((id) => !this.#known.has(id));
    if (unknown.length > 0) {
      for (const [id, label] of Object.entries(await this.#look(unknown))) this.#known.set(id, label);
    }
    return (id) => this.#known.get(id) ?? id.slice(0, 8);
  }
}

/** What moved and what was dropped this second; undefined when nothing did. What somebody chose to ignore is left out. */
export function flowsMessage(
  { moved, dropped, missed }: Recent,
  label: Label,
): z.input<typeof flowsSchema> | undefined {
  const shown = moved.filter(({ ignored }) => !ignored);
  if (shown.length === 0 && dropped.length === 0) return undefined;
  const end = (id: string) => ({ id, label: label(id) });
  const flows = busiest(shown).map((one) => ({
    device: end(one.device),
    other: end(one.other),
    otherIsDevice: one.otherIsDevice,
    protocol: protocolName(one.protocol),
    port: one.port,
    up: one.up && { packets: one.up.packets, bytes: one.up.bytes },
    down: one.down && { packets: one.down.packets, bytes: one.down.bytes },
    began: one.began,
  }));
  const drops = dropped.slice(0, MAX_ROWS).map(({ device, other, packets, bytes }) => ({
    device: end(device),
    other: end(other),
    packets,
    bytes,
  }));
  return {
    flows,
    dropped: drops,
    more: shown.length - flows.length + (dropped.length - drops.length) + missed,
  };
}

function busiest(moved: readonly Moved[]): readonly Moved[] {
  const shown = moved.filter(({ ignored }) => !ignored);
  if (shown.length <= MAX_ROWS) return shown;
  const bytes = ({ up, down }: Moved) => (up?.bytes ?? 0) + (down?.bytes ?? 0);
  return shown.sort((x, y) => bytes(y) - bytes(x)).slice(0, MAX_ROWS);
}
