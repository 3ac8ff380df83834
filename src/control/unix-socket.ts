import { chmodSync, chownSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { messageOf, UnavailableError } from '../errors.ts';

/** How long whoever may be on a socket has to accept, milliseconds. */
const ANSWER_MS = 1_000;

/**
 * Makes room for a unix socket: its folder is there, and a socket on which nobody listens any more is not.
 * UnavailableError when somebody does, when a file of another kind is in the way, or when there may be no folder.
 */
export async function clearWay(path: string, signal: AbortSignal): Promise<void> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  } catch (cause) {
    throw new UnavailableError(`there can be no socket ${path}: ${messageOf(cause)}`, {
      cause,
      hint: 'the service makes its folder (RuntimeDirectory); control.socket names another place',
    });
  }
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket())
    throw new UnavailableError(`${path} exists and is not a socket`, { hint: 'move it away' });
  if (await answers(path, signal)) {
    throw new UnavailableError(`an agent is already running on ${path}`, {
      hint: 'hedgerow status shows it',
    });
  }
  unlinkSync(path);
}

/** Lets the user and the group in, and nobody else. */
export function restrict(path: string, groupId: number | undefined): void {
  chmodSync(path, 0o660);
  if (groupId !== undefined) chownSync(path, process.getuid?.() ?? 0, groupId);
}

function answers(path: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path, signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]) });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
