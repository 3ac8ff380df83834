import { type Clock, repeat } from './clock.ts';
import { LastHeard } from './p2p/joining/last-heard.ts';
import type { Network } from './p2p/network.ts';
import type { PeerKey } from './policy/crypto.ts';
import type { Replica } from './policy/replica.ts';
import type { Service } from './service.ts';
import type { Store } from './store/store.ts';

export interface AbsenceOptions {
  readonly clock: Clock;
  readonly clockTrusted: () => boolean;
  readonly replica: Replica;
  readonly store: Store;
  readonly network: Pick<Network, 'peers'>;
  /** `p2p.absentDays` of the configuration. */
  readonly absentDays: number;
}

/** Which members have not been heard of for long, and since when. */
export interface Absence {
  readonly service: Service;
  /** When a member was last heard, Unix milliseconds. */
  readonly lastHeard: (peer: PeerKey) => number | undefined;
  readonly absent: (peer: PeerKey) => boolean;
}

/** Under this name the store keeps when members were last heard. */
const NOTE = 'last heard';
const LOOK_MS = 60_000;

/** Looks once a minute at who was heard, and keeps that over restarts. */
export function openAbsence(options: AbsenceOptions): Absence {
  const { clock, clockTrusted, replica, store, network, absentDays } = options;
  const table = new LastHeard({
    clock,
    clockTrusted,
    absentMs: absentDays * 86_400_000,
    load: () => Buffer.from(store.note(NOTE) ?? []).toString(),
    save: (text) => store.putNote(NOTE, Buffer.from(text)),
  });
  const look = () => table.look(new Map(network.peers().map(({ peer, heardAgoMs }) => [peer, heardAgoMs])));
  const stop = new AbortController();
  return {
    service: {
      name: 'absence',
      start: async (signal) => {
        const either = AbortSignal.any([signal, stop.signal]);
        void repeat(async () => look(), { clock, everyMs: LOOK_MS, signal: either });
      },
      stop: async () => {
        if (stop.signal.aborted) return;
        stop.abort();
        table.flush();
      },
    },
    lastHeard: (peer) => table.of(peer),
    absent: (peer) => table.absent(peer, admissionOf(replica, peer)),
  };
}

function admissionOf(replica: Replica, peer: PeerKey) {
  const by = replica.member(peer)?.by;
  return by === undefined ? undefined : replica.op(by);
}
