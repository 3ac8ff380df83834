import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Enforcer } from '../../src/local/enforce/enforcer.ts';
import { IpsetBackend } from '../../src/local/enforce/ipset-backend.ts';
import { Iptables } from '../../src/local/enforce/iptables.ts';
import { createSlotMemory } from '../../src/local/enforce/slots.ts';
import { DropReader } from '../../src/local/flows/drop-reader.ts';
import { Drops } from '../../src/local/flows/drops.ts';
import type { Flow } from '../../src/local/flows/flow.ts';
import { FlowTable } from '../../src/local/flows/flow-table.ts';
import { silentLog } from '../../src/log.ts';
import type { BlockSet } from '../../src/policy/block-set.ts';
import { world as places } from '../contract/backend.ts';
import { blockSet, owner, type Wide } from '../unit/local/enforce/block-sets.ts';
import { createWorld, sleep, type World } from './enforce-world.ts';

/** What the kernel drops, as flows: to the packet and the byte, and nothing twice. */

const { tv, ads, video } = places;
const TV = '1'.padStart(32, '0');
const NODES = new Map<string, string>([
  [ads.v4, 'ads'],
  [ads.v6, 'ads'],
  [video.v4, 'video'],
  [video.v6, 'video'],
]);
/** Of a datagram with one byte (RFC 791, 8200, 768). */
const BYTES = { v4: 29, v6: 49 } as const;

const blocking = (remotes: string[], wide: Wide = {}) =>
  blockSet([owner('1', [tv.v4, tv.v6], remotes, [tv.mac], wide)]);

let world: World;
let enforcer: Enforcer;
let reader: DropReader;
let table: FlowTable;
let wanted: BlockSet;
let applied: number;

beforeEach(async () => {
  world = await createWorld();
  // A kernel follows connections only where a rule asks for it.
  await world.run(
    'router',
    'sh',
    '-ec',
    `nft add table inet watch; nft 'add chain inet watch f { type filter hook forward priority 0; }'
     nft add rule inet watch f ct state new accept
     echo 1 > /proc/sys/net/netfilter/nf_conntrack_acct`,
  );
  [wanted, applied] = [blockSet([]), 0];
  enforcer = new Enforcer({
    backend: new IpsetBackend({
      exec: world.router,
      clock: systemClock,
      log: silentLog,
      iptables: new Iptables(world.router, 'legacy'),
      slots: createSlotMemory(),
      wan: ['wan0'],
    }),
    desired: () => ({ state: '', blockSet: wanted }),
    onApplied: () => {
      applied += 1;
    },
    clock: systemClock,
    log: silentLog,
  });
  await enforcer.start(new AbortController().signal);
  await enforce(wanted);
  await watch();
});

afterEach(async () => {
  try {
    await Promise.all([reader?.stop(), enforcer?.stop()]);
  } finally {
    await world.close();
  }
});

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await what()); waited += 50) {
    if (waited > 10_000) throw new Error(`waited in vain: ${what}`);
    await sleep(50);
  }
}

async function enforce(want: BlockSet): Promise<void> {
  const before = applied;
  wanted = want;
  enforcer.notify();
  await until(() => applied > before);
}

/** As the agent does at its start. */
async function watch(): Promise<void> {
  table = new FlowTable({ clock: systemClock });
  const drops = new Drops({
    isLan: (address) => address.startsWith('192.168.'),
    deviceAt: () => undefined,
    remoteAt: (address) => NODES.get(address),
  });
  reader = new DropReader({
    clock: systemClock,
    everyMs: 100,
    drops,
    read: (signal) => enforcer.counters(signal),
    onDrop: (drop) => table.seesDrop(drop),
  });
  await reader.start(new AbortController().signal);
  await until(() => drops.counters.readings > 0);
}

/** Sends at least so many datagrams, and answers how many it were. */
async function send(source: string, target: string, atLeast: number): Promise<number> {
  const traffic = world.traffic('tv', 'udp-send', source, target, '9000', '500');
  await traffic.reaches(atLeast);
  return traffic.end();
}

const blockedOf = (other: string): Flow['blocked'] =>
  [...table.flows()].find((flow) => flow.other === other && flow.device === TV)?.blocked;
const entries = async () =>
  (await world.run('router', 'sh', '-c', 'conntrack -L -o extended 2>&1; conntrack -L -f ipv6 2>&1'))
    .split('\n')
    .filter((line) => line.includes(' dport=9000 '));

test('every dropped packet of both families, in one flow of the pair; conntrack never shows one', async () => {
  await enforce(blocking([ads.v4, ads.v6]));
  const [v4, v6] = [await send(tv.v4, ads.v4, 50), await send(tv.v6, ads.v6, 50)];
  await until(() => (blockedOf('ads')?.packets ?? 0) >= v4 + v6);
  expect(blockedOf('ads')).toMatchObject({ packets: v4 + v6, bytes: v4 * BYTES.v4 + v6 * BYTES.v6 });
  expect(await entries()).toEqual([]);
  expect([...table.flows()]).toMatchObject([{ protocol: 0, port: 0, up: undefined, entries: 0 }]);

  // The next life of the agent begins with what it finds, which is not counted again.
  await reader.stop();
  await watch();
  const more = await send(tv.v4, ads.v4, 20);
  await until(() => (blockedOf('ads')?.packets ?? 0) >= more);
  expect(blockedOf('ads')).toMatchObject({ packets: more, bytes: more * BYTES.v4 });
});

test('a connection that is under way when it is blocked: its entry goes, and what comes then is only dropped', async () => {
  const passed = await send(tv.v4, video.v4, 20);
  expect((await entries()).join()).toContain(` packets=${passed} bytes=${passed * BYTES.v4} `);
  await enforce(blocking([video.v4]));
  await until(async () => (await entries()).length === 0);
  const dropped = await send(tv.v4, video.v4, 30);
  await until(() => (blockedOf('video')?.packets ?? 0) >= dropped);
  expect(blockedOf('video')).toMatchObject({ packets: dropped, bytes: dropped * BYTES.v4 });
  expect(await entries()).toEqual([]);
});

test('what a wide word drops stands under it, and the reading goes on as blocks come and go', async () => {
  await enforce(blocking([ads.v4], { internet: true }));
  const [pair, wide] = [await send(tv.v4, ads.v4, 20), await send(tv.v4, video.v4, 20)];
  await until(
    () => (blockedOf('internet')?.packets ?? 0) >= wide && (blockedOf('ads')?.packets ?? 0) >= pair,
  );
  await enforce(blockSet([]));
  await send(tv.v4, ads.v4, 20);
  await enforce(blocking([ads.v4]));
  const again = await send(tv.v4, ads.v4, 20);
  await until(() => (blockedOf('ads')?.packets ?? 0) >= pair + again);
  expect(blockedOf('ads')).toMatchObject({ packets: pair + again });
  expect(blockedOf('internet')).toMatchObject({ packets: wide, bytes: wide * BYTES.v4 });
});
