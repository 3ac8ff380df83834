import type { Trial, TrialTotal } from '../../local/replay/trial.ts';
import type { RecordId } from '../../policy/block-set.ts';
import type { Live } from '../../policy/contents.ts';
import type { Record } from '../../policy/records.ts';
import type { Directory } from '../directory.ts';
import { labels, recordWords } from './words.ts';

/** Packets, and bytes of IP with its header. */
export interface Amount {
  readonly packets: number;
  readonly bytes: number;
}

/** What a set of policies would have blocked. The packets are those of the capture, in which nothing was blocked. */
export interface TrialView {
  /** In the order of the book; also those that would have blocked nothing. */
  readonly policies: readonly {
    readonly id: RecordId;
    /** `block tv – ads.example for 2h`. */
    readonly words: string;
    /** Why it could not be told what it would have blocked; undefined where it could. */
    readonly untold: string | undefined;
    readonly blocked: Amount;
    readonly devices: readonly TrialDevice[];
  }[];
  /** Each packet once, however many policies it met. */
  readonly blocked: Amount;
  /** What they are about, but devices of one segment sent to each other without a router between them. */
  readonly beside: Amount;
}

export interface TrialDevice extends Amount {
  /** Undefined for an address of the home whose device is not known. */
  readonly id: string | undefined;
  readonly label: string;
  /** ISO 8601. */
  readonly first: string;
  readonly last: string;
}

export function trialView(trial: Trial, policies: readonly Live[], directory: Directory): TrialView {
  const label = labels(directory);
  const byRecord = Map.groupBy(trial.totals(), ({ record }) => record);
  return {
    policies: policies
      .filter(({ record }) => record.kind === 'block')
      .map(({ id, record }) => {
        const devices = (byRecord.get(id) ?? []).sort((x, y) => y.bytes - x.bytes);
        return {
          id,
          words: recordWords(record, label),
          untold: isOwn(record) ? UNTOLD : undefined,
          blocked: devices.reduce<Amount>(
            (all, { packets, bytes }) => ({ packets: all.packets + packets, bytes: all.bytes + bytes }),
            { packets: 0, bytes: 0 },
          ),
          devices: devices.map((total) => deviceView(total, directory)),
        };
      }),
    blocked: { ...trial.blocked },
    beside: { ...trial.beside },
  };
}

/**
 * No capture tells what a router sends itself from what it forwards: towards the internet both come from its address
 * (NAPT, RFC 3022), and on the LAN its own is not seen.
 */
const UNTOLD = "a capture does not show a router's own traffic apart from what it forwards";

function isOwn(record: Record): boolean {
  return record.kind === 'block' && [record.a, record.b].some(({ kind }) => kind === 'router');
}

function deviceView({ device, packets, bytes, first, last }: TrialTotal, directory: Directory): TrialDevice {
  return {
    id: device,
    label: device === undefined ? 'unknown' : directory.label({ kind: 'device', id: device }),
    packets,
    bytes,
    first: new Date(first).toISOString(),
    last: new Date(last).toISOString(),
  };
}
