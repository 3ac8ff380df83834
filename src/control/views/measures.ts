import type { HistoryHealth } from '../../local/history/history.ts';
import type { SeenHealth } from '../../store/seen-store.ts';
import type { Parts } from '../parts.ts';
import type { Entries } from './entries.ts';

/** Numbers of a router that no person looks at one by one. Counters are since the start. */
export interface MeasuresView {
  /** What should be in the kernel now. */
  readonly entries: Entries;
  /** What policies cover and is not blocked, by reason. */
  readonly spared: Readonly<Record<'guard' | 'cap', number>>;
  readonly policiesInForce: number;
  readonly policiesUnreadable: number;
  readonly remotes: number;
  /** Flows given up because there were too many. */
  readonly flowsGivenUp: number;
  /** Nodes and addresses given up or refused for the same reason. */
  readonly nodesGivenUp: Readonly<Record<string, number>>;
  /** What happened between the routers, by constant names. */
  readonly overlay: Readonly<Record<string, number>>;
  /** A port of the gateway leads here; undefined where nobody asked for one. */
  readonly portMapped: boolean | undefined;
  readonly storeWritable: boolean;
  /** Undefined where no history is kept. */
  readonly history: HistoryHealth | undefined;
  readonly seen: SeenHealth | undefined;
}

export function measuresView(parts: Parts): MeasuresView {
  const { replica, cache, flows, network, history } = parts;
  const set = parts.blockSet();
  const entries = { addresses: set.everyone.size, networks: 0, wide: 0 };
  for (const { remotes, networks, internet, lan } of [
    ...set.owners.values(),
    ...(set.own === undefined ? [] : [set.own]),
  ]) {
    entries.addresses += remotes.size;
    entries.networks += networks.size;
    entries.wide += Number(internet !== undefined) + Number(lan !== undefined);
  }
  const spared = { guard: 0, cap: 0 };
  for (const { why } of set.spared) spared[why] += 1;
  const { devices, remotes } = cache.counters;
  const mapped = parts.portMapping?.().state;
  const live = [...replica.live.values()];
  return {
    entries,
    spared,
    policiesInForce: live.filter(
      (one) => (one.record.kind === 'block' || one.record.kind === 'allow') && parts.force(one).inForce,
    ).length,
    policiesUnreadable: replica.unreadable,
    remotes: remotes.size,
    flowsGivenUp: flows.dropped,
    nodesGivenUp: {
      devices: devices.evicted + devices.refused,
      remotes: remotes.evicted + remotes.refused,
      addresses: devices.addressesDropped + remotes.addressesDropped,
      news: cache.news.dropped,
    },
    overlay: { ...network.stats(), ...parts.discovery?.stats() },
    portMapped: mapped === undefined || mapped === 'off' ? undefined : mapped === 'mapped',
    storeWritable: parts.storeError() === undefined,
    history: history?.health(),
    seen: parts.store?.health(),
  };
}
