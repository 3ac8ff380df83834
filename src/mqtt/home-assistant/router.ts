import type { Clock } from '../../clock.ts';
import type { Method } from '../../control/offer.ts';
import type { Recent } from '../../control/recent.ts';
import { look } from '../look.ts';
import type { Publication, Turn } from '../publication.ts';
import type { RouterName } from '../router-name.ts';
import { routerTopic } from './names.ts';

export interface RouterStateOptions {
  readonly methods: () => ReadonlyMap<string, Method>;
  readonly name: RouterName;
  readonly clock: Clock;
}

/** What Home Assistant is told of a router by itself; null: nobody knows. */
export interface RouterState {
  /** Members of the home that it reaches, itself among them. */
  readonly reachable: number;
  readonly policies: number;
  /** When it was last in step with another router, ISO 8601. */
  readonly last_sync: string | null;
  /** `ON`: what should be blocked is not, here. */
  readonly problem: 'ON' | 'OFF';
}

const LOOK_MS = 10_000;
/** The time of the last sync is told to within five minutes: it moves all the time. */
const SYNC_STEP_MS = 300_000;

/** What only this router can say of itself: for Home Assistant, which the speaker of the home has told of it. */
export class HomeAssistantRouter implements Publication {
  readonly name = 'home assistant: this router';
  readonly scope = 'router';
  readonly hears = [];
  readonly #options: RouterStateOptions;
  #lookedAt = -Infinity;
  #versions = '';
  #syncedAt: number | undefined;

  constructor(options: RouterStateOptions) {
    this.#options = options;
  }

  get owns(): readonly string[] {
    return [routerTopic(this.#options.name.current)];
  }

  async turn({ versions }: Recent, signal: AbortSignal): Promise<Turn> {
    const { methods, name, clock } = this.#options;
    const now = clock.monotonic();
    const key = `${versions.policies} ${versions.peers} ${name.current}`;
    if (key === this.#versions && now - this.#lookedAt < LOOK_MS)
      return { retained: undefined, messages: [] };
    const status = await look(methods(), 'status');
    const peers = await look(methods(), 'peers');
    const policies = await look(methods(), 'policies');
    signal.throwIfAborted();
    this.#versions = key;
    this.#lookedAt = now;
    if (status.clock.trusted && peers.some(({ state, inStep }) => state === 'alive' && inStep === true))
      this.#syncedAt = Math.floor(clock.now() / SYNC_STEP_MS) * SYNC_STEP_MS;
    const state: RouterState = {
      reachable: status.routers.alive,
      policies: policies.filter(({ inForce }) => inForce).length,
      last_sync: this.#syncedAt === undefined ? null : new Date(this.#syncedAt).toISOString(),
      problem: status.enforcement.enforcing ? 'OFF' : 'ON',
    };
    return { retained: new Map([[routerTopic(name.current), JSON.stringify(state)]]), messages: [] };
  }
}
