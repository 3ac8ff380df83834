import type { Parts } from '../parts.ts';

export interface MemberView {
  readonly router: string;
  readonly peer: string;
  readonly admin: boolean;
  /** founder, member, left or evicted. */
  readonly standing: 'founder' | 'member' | 'left' | 'evicted';
  readonly self: boolean;
}

/** The home and its members. */
export interface HomeView {
  readonly id: string;
  readonly name: string | undefined;
  /** This router's key: what `home add` on another router wants. */
  readonly peer: string;
  readonly router: string;
  readonly members: readonly MemberView[];
  /** True while the recovery key lies on this router: `home create` prints it and takes it away. */
  readonly recoveryKeyHere: boolean;
}

export function homeView(parts: Parts): HomeView {
  const { replica, directory, key } = parts;
  return {
    id: replica.home,
    name: directory.homeName(),
    peer: key.peer,
    router: parts.config.agent.name,
    members: replica
      .members()
      .filter(({ depth }) => depth >= 0)
      .map(({ peer, admin, depth, left, evicted }) => ({
        router: peer === key.peer ? parts.config.agent.name : directory.routerName(peer),
        peer,
        admin,
        standing: evicted !== undefined ? 'evicted' : left ? 'left' : depth === 0 ? 'founder' : 'member',
        self: peer === key.peer,
      })),
    recoveryKeyHere: parts.home.read().recoverySeed !== undefined,
  };
}
