import type { Method } from '../control/offer.ts';
import { call } from '../control/rpc.ts';
import type { HomeView } from '../control/views/home.ts';
import type { DeviceView, NodeView } from '../control/views/nodes.ts';
import type { PeerRow } from '../control/views/peers.ts';
import type { PolicyView } from '../control/views/policies.ts';
import type { StatusView } from '../control/views/status.ts';

/** The views that topics are made of, by their names. */
interface Views {
  readonly devices: readonly DeviceView[];
  readonly home: HomeView;
  readonly labels: Readonly<Record<string, string>>;
  readonly 'nodes.kept': readonly NodeView[];
  readonly peers: readonly PeerRow[];
  readonly policies: readonly PolicyView[];
  readonly status: StatusView;
}

/** Looks at a view, which has no author. */
export async function look<K extends keyof Views>(
  methods: ReadonlyMap<string, Method>,
  view: K,
  params: Readonly<Record<string, unknown>> = {},
): Promise<Views[K]> {
  return (await call(methods, view, params, '')) as Views[K];
}
