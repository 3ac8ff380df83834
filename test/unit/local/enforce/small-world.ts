import fc from 'fast-check';
import { Judge } from '../../../../src/local/enforce/judge.ts';
import type { BlockSet } from '../../../../src/policy/block-set.ts';
import { blockSet, owner } from './block-sets.ts';
import type { Packet } from './kernel-model.ts';

// A world small enough to look at each of its packets after each step: block sets of it at random, and their verdicts.

const DEVICES = ['192.168.1.20', '192.168.1.30', '192.168.1.40', '2001:db8:1::20', '2001:db8:1::30'];
export const REMOTES = ['203.0.113.7', '203.0.113.8', '192.168.1.40', '2001:db8:f::7', '2001:db8:1::30'];
const MACS = ['02:aa:00:00:00:01', '02:aa:00:00:00:02', '02:aa:00:00:00:03'];
// More than one slot group.
export const IDS = Array.from({ length: 11 }, (_, i) => i.toString(16));

const NETWORKS = [
  '203.0.113.0/29',
  '203.0.113.0/28',
  '203.0.113.7/32',
  '192.168.1.32/27',
  '0.0.0.0/0',
  '2001:db8:f::/64',
  '2001:db8:1::30/128',
  '::/0',
];
const HOME = ['192.168.1.0/24', '2001:db8:1::/56'];
/** Prefixes that may be the home's as well: they take remotes in, or halve what is there. */
const MORE_HOME = ['203.0.113.8/29', '192.168.1.0/27', '192.168.1.32/27', '2001:db8:f::/64'];

/** Who is judged: owners with their addresses and MACs, and the addresses that are known. */
interface Keys {
  readonly owners: readonly { id: string; addresses: string[]; macs: string[] }[];
  readonly known: readonly string[];
}
const ids = fc.subarray(IDS);
const anyKeys: fc.Arbitrary<Keys> = fc.record({
  owners: ids.chain((some) =>
    fc.tuple(
      ...some.map((id) =>
        fc.record({
          id: fc.constant(id),
          addresses: fc.subarray(DEVICES),
          macs: fc.subarray(MACS, { maxLength: 2 }),
        }),
      ),
    ),
  ),
  known: fc.subarray(DEVICES),
});
/** Each address and MAC has one owner, or none. */
export const ownKeys: fc.Arbitrary<Keys> = fc
  .tuple(ids, fc.array(fc.nat(), { minLength: 8, maxLength: 8 }), fc.subarray(DEVICES))
  .map(([some, whose, known]) => ({
    owners: some.map((id, i) => {
      const mine = (_: string, key: number): boolean => (whose[key] ?? 0) % (some.length + 1) === i;
      return { id, addresses: DEVICES.filter(mine), macs: MACS.filter((mac, key) => mine(mac, key + 5)) };
    }),
    known,
  }));

/** What is blocked for an owner and what passes all the same; often nothing wide. */
const contents = fc
  .record({
    remotes: fc.subarray(REMOTES),
    exceptions: fc.oneof(fc.constant<string[]>([]), fc.subarray(REMOTES)),
    networks: fc.oneof(fc.constant<string[]>([]), fc.subarray(NETWORKS, { maxLength: 3 })),
    exceptedNetworks: fc.oneof(fc.constant<string[]>([]), fc.subarray(NETWORKS, { maxLength: 2 })),
    internet: fc.boolean(),
    lan: fc.boolean(),
  })
  .map((one) => ({ ...one, remotes: one.remotes.filter((remote) => !one.exceptions.includes(remote)) }));
export const homes: fc.Arbitrary<string[]> = fc.oneof(
  fc.constant(HOME),
  fc.subarray(MORE_HOME).map((more) => [...HOME, ...more]),
  fc.subarray(MORE_HOME),
);
export const guards: fc.Arbitrary<string[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<string[]>(['192.168.1.1/32']) },
  { weight: 1, arbitrary: fc.subarray(['203.0.113.7/32', '203.0.113.0/29', '2001:db8:f::/64']) },
);

export function blockSetOf(keys: fc.Arbitrary<Keys>, home = homes, guard = guards): fc.Arbitrary<BlockSet> {
  return keys.chain(({ owners, known }) =>
    fc
      .record({
        owners: fc.tuple(
          ...owners.map(({ id, addresses, macs }) =>
            contents.map((what) => owner(id, addresses, what.remotes, macs, what)),
          ),
        ),
        everyone: fc.subarray(REMOTES, { maxLength: 2 }),
        home,
        guard,
      })
      .map(({ owners: made, ...rest }) => ({ ...blockSet(made, rest), known: new Set(known) })),
  );
}
export const aBlockSet = blockSetOf(anyKeys);
/** Every device is inside the home, as it is in a house. */
export const aBlockSetAtHome = blockSetOf(
  anyKeys,
  fc.subarray(MORE_HOME).map((more) => [...HOME, ...more]),
);
export const wans = fc.constantFrom<string[]>([], ['wan0'], ['wan0', 'wan1']);

/** Every packet that the small world can have; between two LANs, so that no test of an interface spares it. */
export const PACKETS: readonly Packet[] = DEVICES.flatMap((device) =>
  [...REMOTES, ...DEVICES]
    .filter((remote) => remote !== device && remote.includes(':') === device.includes(':'))
    .flatMap((remote) => [
      ...[...MACS, '02:bb:00:00:00:01'].map((mac) => packet(device, remote, mac)),
      packet(remote, device, '02:bb:00:00:00:01'),
    ]),
);

function packet(source: string, destination: string, mac: string): Packet {
  return { from: 'lan', to: 'guest', source, destination, mac };
}

/** What an independent reading of the block set says. */
export function expected(blocks: BlockSet): boolean[] {
  const judge = new Judge(blocks);
  return PACKETS.map(({ source, destination, mac }) => judge.dropOf(source, destination, mac) !== undefined);
}
