import type { DeviceView } from '../../control/views/nodes.ts';

/** So many devices are announced at most. */
export const MAX_DEVICES = 500;
/** A randomised MAC that was not seen for so long will not come back: phones make up new ones. Seconds. */
const RANDOMISED_S = 30 * 86_400;

/** The devices to announce, those with a name that a person gave before the others, and how many there was no room for. */
export function chosenOf(
  devices: readonly DeviceView[],
  most = MAX_DEVICES,
): { chosen: DeviceView[]; left: number } {
  const current = devices.filter((device) => !isStale(device));
  const named = (device: DeviceView) => Number(device.given.length > 0);
  const chosen = current.sort((x, y) => named(y) - named(x) || (x.id < y.id ? -1 : 1)).slice(0, most);
  return { chosen, left: current.length - chosen.length };
}

function isStale({ randomisedMac, seenSecondsAgo, places }: DeviceView): boolean {
  if (!randomisedMac) return false;
  const seen = [seenSecondsAgo, ...places.map((place) => place.seenSecondsAgo)];
  const newest = Math.min(...seen.map((seconds) => seconds ?? Infinity));
  // Who was never seen since anybody remembers is only known because something refers to it.
  return newest !== Infinity && newest > RANDOMISED_S;
}
