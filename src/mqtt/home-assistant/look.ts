import type { Method } from '../../control/offer.ts';
import { call } from '../../control/rpc.ts';
import type { HomeView } from '../../control/views/home.ts';
import type { DeviceView } from '../../control/views/nodes.ts';
import type { PeerRow } from '../../control/views/peers.ts';
import type { PolicyView } from '../../control/views/policies.ts';
import type { StatusView } from '../../control/views/status.ts';

/** Who is said to have made a change that was asked for in Home Assistant. */
export const AUTHOR = 'home-assistant';

/** The views that Home Assistant is told of, by their names. */
interface Views {
  readonly devices: readonly DeviceView[];
  readonly home: HomeView;
  readonly peers: readonly PeerRow[];
  readonly policies: readonly PolicyView[];
  readonly status: StatusView;
}

/** Looks at a view. */
export async function look<K extends keyof Views>(
  methods: ReadonlyMap<string, Method>,
  view: K,
): Promise<Views[K]> {
  return (await call(methods, view, {}, AUTHOR)) as Views[K];
}
