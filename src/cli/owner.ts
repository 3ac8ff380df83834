import { statSync } from 'node:fs';
import { ConfigError } from '../errors.ts';

/**
 * Refuses to run as root on the state folder of another user: what root writes there that one cannot read, and its agent
 * would not start any more. ConfigError.
 */
export function mustNotBeRootIn(folder: string): void {
  const owner = otherOwner(folder);
  if (owner === undefined) return;
  throw new ConfigError(`${folder} belongs to user ${owner.uid}: root cannot be its agent`, {
    hint: `systemctl start hedgerow; or chown -R root: ${folder}, if root shall be from now on`,
  });
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
