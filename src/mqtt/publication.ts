import type { Recent } from '../control/recent.ts';
import type { Arrived, Message } from './link.ts';

/** What a publication has to say this second. */
export interface Turn {
  /** What should be retained under its own topics now, whole: topic → payload. Undefined: the same as at its last turn. */
  readonly retained: ReadonlyMap<string, string> | undefined;
  /** What is said once, in order, after what is retained. */
  readonly messages: readonly Message[];
}

/**
 * One part of what the agent says on a broker: its own topics, Home Assistant's, SPIN's. It tells the whole of what should
 * be retained; the bridge compares that with what it has published, and with what lay there when it connected.
 */
export interface Publication {
  readonly name: string;
  /** `home`: of all routers on a broker only one says it, whoever that is at the time. `router`: each for itself. */
  readonly scope: 'router' | 'home';
  /** Filters of the topics that are its own: what is retained there and not wanted is cleared. */
  readonly owns: readonly string[];
  /** Which topics under those filters are its own, where strangers publish beside it; all of them when absent. */
  isOwn?(topic: string): boolean;
  /** Once a second, never overlapping, while the broker is connected and the scope is ours. It may reject: it is asked again. */
  turn(recent: Recent, signal: AbortSignal): Promise<Turn>;
  /** Topics on which others speak to it; what it answers is published. Rubbish is answered with an error or nothing. */
  readonly hears: readonly {
    readonly filter: string;
    /** Whether it is heard by every router, or only by the one that speaks for the home. */
    readonly scope: 'router' | 'home';
    on(message: Arrived, signal: AbortSignal): Promise<readonly Message[]>;
  }[];
}
