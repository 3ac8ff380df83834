import type { NodeId } from '../../policy/block-set.ts';
import type { Counts } from '../observe/conntrack.ts';
import { PackedReader, PackedWriter } from './packed.ts';
import { added, NONE, type Row } from './row.ts';

/** What went from and to a device since it was first seen here. */
export interface DeviceTotal {
  readonly up: Counts;
  readonly down: Counts;
}

interface Kept {
  up: Counts;
  down: Counts;
  /** The hour in which it last moved something. */
  hour: number;
  /** Bytes by hour: hour modulo {@link RING} → up, down. Made when there is something in it. */
  ring: { readonly hours: Int32Array; readonly bytes: Float64Array } | undefined;
}

/** Up to which slice totals were added up, and what else has to be known to go on from there. */
export interface TotalsMark {
  /** The newest slice that is in the totals. */
  readonly seq: number;
  /** No slice written after it is of an earlier hour. */
  readonly hour: number;
}

/** A day and a bit, so that the hours since midnight are there. */
const RING = 26;
/** Devices whose totals are kept; those that moved nothing for longest are given up. */
export const MAX_TOTALS = 8_192;
const VERSION = 1;
const ID_DIGITS = 32;

/** Totals per device over all time, and bytes of the last day by the hour. A row between two devices counts for both. */
export class Totals {
  readonly #devices = new Map<NodeId, Kept>();
  #dropped = 0;

  get size(): number {
    return this.#devices.size;
  }

  /** Totals that were given up because there were too many devices. */
  get dropped(): number {
    return this.#dropped;
  }

  of(device: NodeId): DeviceTotal | undefined {
    return this.#devices.get(device);
  }

  /** Bytes since the beginning of an hour, a day ago at most; undefined when the device is not known. */
  bytesSince(device: NodeId, hour: number): { readonly up: number; readonly down: number } | undefined {
    const kept = this.#devices.get(device);
    if (kept === undefined) return undefined;
    const sum = { up: 0, down: 0 };
    for (let slot = 0; kept.ring !== undefined && slot < RING; slot++) {
      if ((kept.ring.hours[slot] ?? 0) < hour) continue;
      sum.up += kept.ring.bytes[slot * 2] ?? 0;
      sum.down += kept.ring.bytes[slot * 2 + 1] ?? 0;
    }
    return sum;
  }

  /** Takes in what went between two nodes in an hour. */
  add(row: Pick<Row, 'device' | 'other' | 'otherIsDevice' | 'up' | 'down'>, hour: number): void {
    this.addTo(row.device, row.up, row.down, hour);
    if (row.otherIsDevice) this.addTo(row.other, row.down, row.up, hour);
  }

  /** Counts for one device; zero bytes make it known. */
  addTo(device: NodeId, up: Counts, down: Counts, hour: number): void {
    // Others, and words such as `home`, are no devices.
    if (device.length !== ID_DIGITS) return;
    const kept = this.#kept(device);
    kept.up = added(kept.up, up);
    kept.down = added(kept.down, down);
    this.#remember(device, up.bytes, down.bytes, hour);
  }

  /** Only the bytes by the hour, of what is in the totals already. */
  rememberRow({ device, other, otherIsDevice, up, down }: Row, hour: number): void {
    this.#remember(device, up.bytes, down.bytes, hour);
    if (otherIsDevice) this.#remember(other, down.bytes, up.bytes, hour);
  }

  #remember(device: NodeId, up: number, down: number, hour: number): void {
    const kept = this.#devices.get(device);
    if (kept === undefined) return;
    kept.hour = Math.max(kept.hour, hour);
    if (up + down === 0) return;
    kept.ring ??= { hours: new Int32Array(RING), bytes: new Float64Array(RING * 2) };
    const { hours, bytes } = kept.ring;
    const slot = hour % RING;
    if (hours[slot] !== hour) {
      hours[slot] = hour;
      bytes.fill(0, slot * 2, slot * 2 + 2);
    }
    bytes[slot * 2] = (bytes[slot * 2] ?? 0) + up;
    bytes[slot * 2 + 1] = (bytes[slot * 2 + 1] ?? 0) + down;
  }

  encode(mark: TotalsMark): Uint8Array {
    const writer = new PackedWriter().number(VERSION);
    writer.number(mark.seq).number(mark.hour);
    for (const [device, { up, down, hour }] of this.#devices) {
      writer.bytes(Buffer.from(device, 'hex')).number(hour);
      writer.number(up.bytes).number(up.packets).number(down.bytes).number(down.packets);
    }
    return writer.finish();
  }

  /** Adds what an earlier run kept; undefined when it is rubbish or of a later version, and nothing is taken then. */
  load(value: Uint8Array): TotalsMark | undefined {
    const reader = new PackedReader(value);
    if (reader.number() !== VERSION) return undefined;
    const mark = { seq: reader.number(), hour: reader.number() };
    const devices: { id: NodeId; hour: number; up: Counts; down: Counts }[] = [];
    while (!reader.broken && !reader.atEnd) {
      const id = Buffer.from(reader.bytes(16)).toString('hex');
      const hour = reader.number();
      const [upBytes, upPackets] = [reader.number(), reader.number()];
      const [downBytes, downPackets] = [reader.number(), reader.number()];
      const up = { bytes: upBytes, packets: upPackets };
      devices.push({ id, hour, up, down: { bytes: downBytes, packets: downPackets } });
    }
    if (reader.broken) return undefined;
    for (const { id, hour, up, down } of devices) {
      const kept = this.#kept(id);
      kept.up = added(kept.up, up);
      kept.down = added(kept.down, down);
      kept.hour = Math.max(kept.hour, hour);
    }
    return mark;
  }

  #kept(device: NodeId): Kept {
    const known = this.#devices.get(device);
    if (known !== undefined) return known;
    if (this.#devices.size >= MAX_TOTALS) this.#makeRoom();
    const kept: Kept = { up: NONE, down: NONE, hour: 0, ring: undefined };
    this.#devices.set(device, kept);
    return kept;
  }

  /** The sixteenth that moved nothing for longest goes. */
  #makeRoom(): void {
    const oldest = [...this.#devices].sort(([, x], [, y]) => x.hour - y.hour);
    for (const [device] of oldest.slice(0, Math.ceil(MAX_TOTALS / 16))) {
      this.#devices.delete(device);
      this.#dropped += 1;
    }
  }
}
