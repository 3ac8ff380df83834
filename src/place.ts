import { type Clock, repeat } from './clock.ts';
import type { Config } from './config-schema.ts';
import { messageOf } from './errors.ts';
import { createExec, type Exec } from './local/exec.ts';
import { openExec } from './local/exec-open.ts';
import {
  type InterfaceConfig,
  type Interfaces,
  noInterfaces,
  readInterfaces,
} from './local/observe/interfaces.ts';
import type { Log } from './log.ts';
import type { Address } from './policy/block-set.ts';

/** Where the router is whose kernel this agent looks after: on this machine, or on another one that it drives over ssh. */
export interface Place {
  /** Runs commands on the router. */
  readonly exec: Exec;
  /** Runs commands on this machine, which has its own clock. */
  readonly here: Exec;
  /** The router's interfaces as they are now; none while it cannot be reached. UnavailableError when it cannot tell. */
  interfaces(config: InterfaceConfig, signal: AbortSignal): Promise<Interfaces>;
  /**
   * Calls when the router was reached again since its interfaces were asked for: it may have been started anew meanwhile, with
   * nothing of ours in its kernel. One listener.
   */
  onReached(listener: () => void): void;
  /** The interfaces by which this machine reaches the other routers, where it drives another one; else undefined. */
  driver(): Interfaces | undefined;
  /** The addresses of a machine that drives another one: it must never be cut off by it. */
  driverAddresses(): Iterable<Address>;
  close(): Promise<void>;
}

export interface PlaceOptions {
  readonly config: Config;
  /** A name of this agent, the same in all of its lives. */
  readonly owner: string;
  readonly clock: Clock;
  readonly log: Log;
}

const DRIVER_EVERY_MS = 30_000;

/** Reads the interfaces of this machine, too, when the router is another one: both end with the signal. */
export async function openPlace(
  { config, owner, clock, log }: PlaceOptions,
  signal: AbortSignal,
): Promise<Place> {
  const here = createExec();
  let told = (): void => undefined;
  const onReached = (): void => told();
  const { exec, close } = await openExec({ config, owner, socket: 'ssh', clock, log, onReached }, signal);
  const { elsewhere } = exec;
  let reached = elsewhere?.reached;
  let driver: Interfaces | undefined;
  if (elsewhere !== undefined) {
    driver = noInterfaces;
    const look = async (inner: AbortSignal) => {
      driver = await readInterfaces(here, { router: '' }, inner);
    };
    const onFailure = (error: unknown) =>
      log.debug({ error: messageOf(error) }, 'own interfaces cannot be read');
    void repeat(look, { clock, signal, everyMs: DRIVER_EVERY_MS, onFailure });
  }
  return {
    exec,
    here,
    async interfaces(config, inner) {
      reached = elsewhere?.reached;
      try {
        return await readInterfaces(exec, config, inner);
      } catch (error) {
        if (inner.aborted || elsewhere === undefined || elsewhere.why === undefined) throw error;
        return noInterfaces;
      }
    },
    onReached(listener) {
      told = listener;
      if (elsewhere?.why === undefined && elsewhere?.reached !== reached) listener();
    },
    driver: () => driver,
    driverAddresses: () => driver?.addresses ?? [],
    close,
  };
}
