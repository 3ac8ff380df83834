import type { Clock } from '../../clock.ts';
import type { DeviceView } from '../../control/views/nodes.ts';
import { isThere } from '../../control/views/peer-words.ts';
import { type Amount, Meter } from './meter.ts';

/** What Home Assistant is told of a device; null: nobody knows. */
export interface DeviceState {
  readonly block: 'ON' | 'OFF';
  readonly connected: 'ON' | 'OFF';
  readonly down: number | null;
  readonly up: number | null;
}

/** Bytes are told so often at most, milliseconds: each time is a row in Home Assistant's database. */
const BYTES_EVERY_MS = 30_000;
/** Of more devices than this nothing is remembered from before. */
const MAX_METERS = 1_000;

interface Kept {
  readonly meter: Meter;
  told: Amount | undefined;
  at: number;
}

/** The states of the devices: switches and presence as they are, bytes as they were told last. */
export class DeviceStates {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of(device: DeviceView): DeviceState {
    const { up, down } = this.#bytes(device) ?? { up: null, down: null };
    return {
      block: device.internetBlockedBy.length > 0 ? 'ON' : 'OFF',
      connected: device.router === undefined ? 'OFF' : 'ON',
      down,
      up,
    };
  }

  /** `offline` while all routers that know where it is are gone, so that nothing that is told of it is news. */
  availability({ places }: DeviceView): 'online' | 'offline' {
    return places.length === 0 || places.some(({ state }) => isThere(state)) ? 'online' : 'offline';
  }

  /** The state of a device as the broker had kept it: its bytes never begin anew. Rubbish is ignored. */
  remember(id: string, payload: string): void {
    const told = amountOf(payload);
    if (told !== undefined) this.#keep(id)?.meter.atLeast(told);
  }

  /** Devices that are not announced any more need no memory. */
  forgetBut(ids: ReadonlySet<string>): void {
    for (const id of this.#kept.keys()) if (!ids.has(id)) this.#kept.delete(id);
  }

  #bytes({ id, places, bytesHere }: DeviceView): Amount | undefined {
    const kept = this.#keep(id);
    if (kept === undefined) return undefined;
    const counts = places.flatMap(({ router, bytes }): [string, Amount][] =>
      bytes === undefined ? [] : [[router, bytes]],
    );
    const amount = kept.meter.read(counts.length > 0 || bytesHere === undefined ? counts : [['', bytesHere]]);
    const now = this.#clock.monotonic();
    if (kept.told === undefined || now - kept.at >= BYTES_EVERY_MS) {
      kept.told = amount;
      kept.at = now;
    }
    return kept.told;
  }

  #keep(id: string): Kept | undefined {
    const known = this.#kept.get(id);
    if (known !== undefined || this.#kept.size >= MAX_METERS) return known;
    const kept = { meter: new Meter(), told: undefined, at: -Infinity };
    this.#kept.set(id, kept);
    return kept;
  }
}

function amountOf(payload: string): Amount | undefined {
  let state: unknown;
  try {
    state = JSON.parse(payload);
  } catch {
    return undefined;
  }
  if (typeof state !== 'object' || state === null) return undefined;
  const { up, down } = state as Record<string, unknown>;
  return isBytes(up) && isBytes(down) ? { up, down } : undefined;
}

function isBytes(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
