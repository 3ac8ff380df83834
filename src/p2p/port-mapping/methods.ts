import type { Clock } from '../../clock.ts';
import type { Method } from './method.ts';
import { natPmp, pcp } from './port-control.ts';
import { upnp } from './upnp.ts';

/** The protocols in the order in which a gateway is asked: what most gateways at home speak comes first. */
export function allMethods(clock: Clock): readonly Method[] {
  return [upnp(clock), pcp(clock), natPmp(clock)];
}
