import type { Method } from '../../control/offer.ts';
import { call } from '../../control/rpc.ts';
import type { DeviceView } from '../../control/views/nodes.ts';
import { look } from '../look.ts';
import { PAUSES } from './discovery.ts';
import type { What } from './names.ts';

/** Who is said to have made a change that was asked for in Home Assistant. */
const AUTHOR = 'home-assistant';

/** What a switch or a button asks for. */
export type Wish =
  | { readonly do: 'block' }
  | { readonly do: 'lift' }
  | { readonly do: 'pause'; readonly length: string };

/** When a morning begins, where the home is. */
const MORNING = '07:00';

/** Reads what was pressed; undefined for rubbish. */
export function wishOf(what: What, payload: string): Wish | undefined {
  if (what === 'block') {
    if (payload === 'ON') return { do: 'block' };
    return payload === 'OFF' ? { do: 'lift' } : undefined;
  }
  return PAUSES.has(payload) ? { do: 'pause', length: payload } : undefined;
}

/**
 * Does it, by the commands that every door has, for the whole home. Nothing here is wide, which would have to be confirmed: it
 * is always one device and the internet, and the broker is inside. Rejects with what the command throws.
 */
export async function fulfil(
  methods: ReadonlyMap<string, Method>,
  device: DeviceView,
  wish: Wish,
): Promise<void> {
  const name = `id:${device.id}`;
  const run = (command: string, params: object) => call(methods, command, { ...params, wait: false }, AUTHOR);
  if (wish.do === 'block') await run('block', { first: name, second: 'internet' });
  else if (wish.do === 'lift') await lift(methods, device, run);
  else
    await run('pause', {
      what: name,
      ...(wish.length === 'morning' ? { until: MORNING } : { for: wish.length }),
    });
}

/**
 * Lifts what keeps a device from the internet now. What was made for this device alone is lifted; of what was made for a
 * group or the home it becomes an exception, so that the others stay blocked. A schedule that does not hold now stays.
 */
async function lift(
  methods: ReadonlyMap<string, Method>,
  device: DeviceView,
  run: (command: string, params: object) => Promise<unknown>,
): Promise<void> {
  const name = `id:${device.id}`;
  const blockers = (await look(methods, 'policies')).filter(({ id }) =>
    device.internetBlockedBy.includes(id),
  );
  const wide = blockers.filter(({ a, b }) => a.subject.kind !== 'device' && b.subject.kind !== 'device');
  const own = blockers.filter((policy) => !wide.includes(policy));
  const isItself = (subject: { kind: string; id?: string }) =>
    subject.kind === 'device' && subject.id !== undefined && device.ids.includes(subject.id);
  for (const { id } of own.filter(({ a, b }) => isItself(a.subject) || isItself(b.subject)))
    await run('unblock', { first: id });
  // Made for a device from which this one was told apart later: that one stays blocked.
  if (own.some(({ a, b }) => !isItself(a.subject) && !isItself(b.subject)))
    await run('unblock', { first: name, second: 'internet', all: true });
  if (wide.length > 0) await run('allow', { first: name, second: 'internet' });
}
