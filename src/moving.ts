import type { Clock } from './clock.ts';
import type { HomeAccess } from './control/parts.ts';
import type { HomeFile } from './store/home-file.ts';
import type { HomeKeeper } from './store/home-keeper.ts';

export interface MovingOptions {
  readonly keeper: HomeKeeper;
  readonly clock: Clock;
  /** Ends this life of the agent. */
  readonly beginAnew: (why: string) => void;
}

/** The home file as commands use it, and the move to another home between two lives of the agent. */
export interface Moving {
  readonly access: HomeAccess;
  /** Once everything is closed: what was decided in this life is done. Paths of the store and of the key. */
  finish(store: string, key: string): void;
}

/** The answer to whoever asked for it goes out before the agent begins anew, milliseconds. */
const TOLD_MS = 50;

/** Nothing of a move is done while the agent lives in the home that it leaves. */
export function openMoving({ keeper, clock, beginAnew }: MovingOptions): Moving {
  let next: HomeFile | 'alone' | undefined;
  const decide = (to: HomeFile | 'alone', why: string): void => {
    next = to;
    clock.after(TOLD_MS, () => beginAnew(why));
  };
  return {
    access: {
      read: () => keeper.read(),
      write: (file) => keeper.write(file),
      replace: (file) => decide(file, 'another home was joined'),
      leave: () => decide('alone', 'this router has left its home'),
    },
    finish: (store, key) => {
      if (next === 'alone') keeper.putAside(store, key, clock.now());
      else if (next !== undefined) keeper.move(next, store, clock.now());
    },
  };
}
