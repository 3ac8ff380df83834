import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { ConfigError, UnavailableError } from '../errors.ts';

/**
 * Makes sure that the state folder is there and this user's own; a disk that takes nothing is another matter, and passes.
 * As root it refuses the folder of another user: what root writes there that one cannot read, and its agent would not start any
 * more. ConfigError or UnavailableError, with what to do.
 */
export function mustOwn(folder: string): void {
  const owner = otherOwner(folder);
  if (owner !== undefined)
    throw new ConfigError(`${folder} belongs to user ${owner.uid}: root cannot be its agent`, {
      hint: `systemctl start hedgerow; or chown -R root: ${folder}, if root shall be from now on`,
    });
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && (cause.code === 'EACCES' || cause.code === 'EPERM')))
      return;
    throw new UnavailableError(`${folder} is not for user ${process.getuid?.()} to write`, {
      cause,
      hint: 'start the agent as its service does (systemctl start hedgerow), or name another folder in agent.stateDir',
    });
  }
}

/** Where root would write into the folder of another user, becomes that one until the process ends. */
export function becomeOwnerOf(folder: string): void {
  const owner = otherOwner(folder);
  if (owner === undefined) return;
  process.setgroups?.([owner.gid]);
  process.setgid?.(owner.gid);
  process.setuid?.(owner.uid);
}

function otherOwner(folder: string): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const stat = statSync(folder, { throwIfNoEntry: false });
  return stat === undefined || stat.uid === 0 ? undefined : { uid: stat.uid, gid: stat.gid };
}
