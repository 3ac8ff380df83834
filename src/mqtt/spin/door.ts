import type { Clock } from '../../clock.ts';
import type { Entrance } from '../../control/doorway.ts';
import type { Method } from '../../control/offer.ts';
import type { Log } from '../../log.ts';
import { spinEntrance } from './entrance.ts';
import { type SpinRpc, spinRpc } from './rpc.ts';

/** SPIN's protocol, for the doors through which its clients come. */
export interface SpinDoor {
  readonly rpc: SpinRpc;
  /** The unix socket. */
  readonly entrance: Entrance;
}

export function openSpin(options: {
  readonly methods: ReadonlyMap<string, Method>;
  readonly clock: Clock;
  readonly log: Log;
}): SpinDoor {
  const rpc = spinRpc(options);
  return { rpc, entrance: spinEntrance(rpc, options.clock) };
}
