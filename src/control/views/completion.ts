import type { Parts } from '../parts.ts';
import { isShown, shortId } from './shown.ts';

/** What a shell may offer to a person who types. */
export interface CompletionView {
  /** Names of devices; the MAC of one without a name. */
  readonly devices: readonly string[];
  readonly groups: readonly string[];
  /** Names of the other routers of the home. */
  readonly routers: readonly string[];
  /** The first digits of the policies' ids. */
  readonly policies: readonly string[];
}

/** So many of each: nobody reads more. */
const MOST = 500;

export function completionView({ directory, replica, network }: Parts): CompletionView {
  const devices = directory.nodes('devices').flatMap(({ device, names, macs }) => {
    const word = device ? (names[0] ?? macs[0]) : undefined;
    return word === undefined ? [] : [word];
  });
  const policies = [...replica.live.values()].flatMap(({ id, record }) =>
    isShown(record) ? [shortId(id)] : [],
  );
  return {
    devices: [...new Set(devices)].slice(0, MOST),
    routers: network
      .peers()
      .map(({ peer }) => directory.routerName(peer))
      .slice(0, MOST),
    groups: [...directory.groups().keys()].slice(0, MOST),
    policies: [...new Set(policies)].slice(0, MOST),
  };
}
