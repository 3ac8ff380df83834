import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { methodsOf } from '../../../../src/control/methods.ts';
import type { Method } from '../../../../src/control/offer.ts';
import type { Sighting } from '../../../../src/local/flows/flow.ts';
import { Aliases } from '../../../../src/local/nodes/aliases.ts';
import { silentLog } from '../../../../src/log.ts';
import { type SpinRpc, spinRpc } from '../../../../src/mqtt/spin/rpc.ts';
import { domainNodeId } from '../../../../src/policy/identity.ts';

import { crypto, key } from '../../../support/household.ts';
import { answer, type FakeParts, fakeParts, see } from '../../../support/parts.ts';

export const [ALICE, BOB] = ['02:00:00:00:08:0a', '02:00:00:00:08:0b'];

export interface SpinHouse extends FakeParts {
  readonly aliases: Aliases;
  readonly methods: ReadonlyMap<string, Method>;
  readonly rpc: SpinRpc;
  readonly alice: string;
  readonly bob: string;
  readonly cloud: string;
  /** The node that is just an address. */
  at(address: string): string;
  /** Packets of a flow. */
  sees(device: string, other: string, protocol: number, port: number, packets: number, bytes: number): void;
  /** One request and what was answered, parsed. */
  ask(method: string, params?: object): Promise<Record<string, unknown>>;
}

/** The home of the recorded transcripts: two devices and what they talked to, under the numbers that SPIN gave them. */
export function spinHouse(limits = { policies: 5_000, changesPerHour: 1e6, burst: 1e6 }): SpinHouse {
  const parts = fakeParts(key(0), undefined, limits);
  parts.clock.advance(1_000);
  const aliases = new Aliases({ live: (id) => parts.cache.has(id) });
  const alice = see(parts, ALICE, '192.168.8.10');
  const bob = see(parts, BOB, '192.168.8.11');
  answer(parts, 'cloud.example.com', '203.0.113.10', '2001:db8:cafe::10');
  const cloud = domainNodeId(crypto, parts.replica.home, 'cloud.example.com');
  const at = (address: string) => parts.cache.addressNode(address) ?? '';
  const all = { ...parts, aliases };
  const methods = methodsOf(all);
  const rpc = spinRpc({ methods, clock: parts.clock, log: silentLog });
  return {
    ...all,
    methods,
    rpc,
    alice,
    bob,
    cloud,
    at,
    sees: (device, other, protocol, port, packets, bytes) => {
      const up = { packets, bytes };
      const about = { device, other, otherIsDevice: other === alice || other === bob, protocol, port };
      const news: Sighting = { ...about, up, down: undefined, entries: 1, offloaded: false };
      parts.flows.sees(news);
    },
    ask: async (method, params) =>
      JSON.parse(await rpc(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }), 'test')),
  };
}

/** The lines of a recording. */
export function recorded(name: string): string[] {
  return readFileSync(join(import.meta.dirname, '../../../fixtures/spin', name), 'utf8')
    .trim()
    .split('\n');
}

/** The requests of a transcript with what SPIN answered. */
export function transcript(name: string): { request: string; answer: string }[] {
  const lines = recorded(name);
  return lines.flatMap((line, at) => {
    const next = lines[at + 1] ?? '';
    if (!line.startsWith('--> ') || !next.startsWith('<-- ')) return [];
    return [{ request: line.slice(4), answer: next.slice(4) }];
  });
}

/** What a value is made of: keys in their order and types; of arrays the shape of their elements, each once. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return [...new Set(value.map((each) => JSON.stringify(shapeOf(each))))].sort();
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.entries(value).map(([name, each]) => [name, shapeOf(each)]);
}
