import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Rights } from '../rights.ts';
import type { Machine } from './machine.ts';

/** Of all who use iptables-legacy: xtables.lock in iptables(8). */
const LOCK = '/run/xtables.lock';

/** A file's text; undefined when it cannot be read. */
export function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Who is who here. `unit`: the text of the agent's unit, if there is one. */
export function usersOf(
  places: { readonly socket: string; readonly stateDir: string },
  agent: Rights | undefined,
  me: number | undefined,
  unit: string | undefined,
): Machine['user'] {
  const users = read('/etc/passwd') ?? '';
  const wanted = /^User=(\S+)$/m.exec(unit ?? '')?.[1];
  const socketGroup = statOf(places.socket)?.gid;
  const uid = agent?.uid ?? statOf(places.stateDir)?.uid ?? 0;
  return {
    name: nameOf(users, uid),
    missing: wanted === undefined || numberOf(users, wanted) !== undefined ? undefined : wanted,
    socketGroup: socketGroup === undefined ? undefined : nameOf(read('/etc/group') ?? '', socketGroup),
    me: nameOf(users, me ?? 0),
  };
}

/** Whether a user may read the lock of iptables-legacy; who lacks the file is not denied, the service makes it. */
export function lockOf(user: string, legacyThere: boolean): Machine['lock'] {
  const stat = statOf(LOCK);
  const [uid, gid] = idsOf(read('/etc/passwd') ?? '', user) ?? [0, 0];
  if (!legacyThere || uid === 0 || stat === undefined) return { path: LOCK, denied: false };
  const bit = stat.uid === uid ? 0o400 : stat.gid === gid ? 0o040 : 0o004;
  return { path: LOCK, denied: (stat.mode & bit) === 0 };
}

/** Names in a folder, and one folder further down, that belong to another than it does. */
export function foreignIn(folder: string): string[] {
  const owner = statOf(folder)?.uid;
  const namesIn = (path: string): string[] => {
    try {
      return readdirSync(path);
    } catch {
      return [];
    }
  };
  const all = namesIn(folder).flatMap((name) => [
    name,
    ...namesIn(join(folder, name)).map((one) => join(name, one)),
  ]);
  return all
    .filter((name) => lstatSync(join(folder, name), { throwIfNoEntry: false })?.uid !== owner)
    .slice(0, 5);
}

/** Looks for a module among those loaded, those built in and those on the disk (modules.builtin, depmod(8)). */
export function modulesHere(): Machine['module'] {
  const folder = `/lib/modules/${(read('/proc/sys/kernel/osrelease') ?? '').trim()}`;
  const builtIn = read(`${folder}/modules.builtin`);
  const onDisk = read(`${folder}/modules.dep`);
  const among = (text: string | undefined, name: string) =>
    text !== undefined && new RegExp(`/${name.replaceAll('_', '[-_]')}\\.ko`, 'm').test(text);
  return (name) => {
    if (existsSync(`/sys/module/${name}`) || among(builtIn, name)) return 'there';
    if (onDisk === undefined) return undefined;
    return among(onDisk, name) ? 'loadable' : 'absent';
  };
}

function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** From a text like passwd(5) or group(5); the number itself where it has no name. */
function nameOf(table: string, id: number): string {
  const line = table.split('\n').find((one) => one.split(':')[2] === `${id}`);
  return line?.split(':')[0] ?? `${id}`;
}

function numberOf(table: string, name: string): number | undefined {
  return idsOf(table, name)?.[0];
}

function idsOf(table: string, name: string): [uid: number, gid: number] | undefined {
  if (/^\d+$/.test(name)) return [Number(name), Number(name)];
  const fields = table
    .split('\n')
    .find((line) => line.startsWith(`${name}:`))
    ?.split(':');
  return fields === undefined ? undefined : [Number(fields[2]), Number(fields[3])];
}
