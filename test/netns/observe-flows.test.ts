import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Flow } from '../../src/local/flows/flow.ts';
import { agent, lacking, meet, settled, until } from './flow-agent.ts';
import {
  ADDRESS,
  build,
  type Counted,
  count,
  counted,
  destroy,
  iperf,
  many,
  OUTSIDE,
  rawPackets,
  run,
} from './flow-world.ts';

const SECONDS = Number(process.env.OBSERVE_SECONDS ?? 3);

let stopper: AbortController;

beforeEach(async () => {
  stopper = new AbortController();
  await build();
});

afterEach(async () => {
  stopper.abort();
  await destroy();
});

const conntrackPids = `for pid in $(ip netns pids $(ip netns identify)); do [ "$(cat /proc/$pid/comm)" = conntrack ] && tr '\\0' ' ' < /proc/$pid/cmdline | grep -q -- ' -E ' && echo $pid; done; true`;

test('every flow equals the kernel’s counters to the byte: NAT, IPv6, port forward, hairpin, from LAN to LAN', async () => {
  const [tv, camera, guest, net] = (['tv', 'camera', 'guest', 'net'] as const).map(
    (host) => ADDRESS[host],
  ) as [
    (typeof ADDRESS)['tv'],
    (typeof ADDRESS)['camera'],
    (typeof ADDRESS)['guest'],
    (typeof ADDRESS)['net'],
  ];
  const pair = (family: 'ip' | 'ip6', a: string, b: string, there: string, back: string) =>
    [
      `${family} saddr ${a} ${family} daddr ${b} ${there}`,
      `${family} saddr ${b} ${family} daddr ${a} ${back}`,
    ] as const;
  const tcp = (family: 'ip' | 'ip6', a: string, b: string) =>
    pair(family, a, b, 'tcp dport 5201', 'tcp sport 5201');
  const ways = {
    nat: tcp('ip', tv[0], net[0]),
    six: tcp('ip6', tv[1], net[1]),
    forward: tcp('ip', net[0], camera[0]),
    hairpin: tcp('ip', tv[0], camera[0]),
    lans: tcp('ip', guest[0], tv[0]),
    lans6: tcp('ip6', guest[1], tv[1]),
    ping: pair('ip', tv[0], net[0], 'icmp type echo-request', 'icmp type echo-reply'),
    ping6: pair('ip6', tv[1], net[1], 'icmpv6 type echo-request', 'icmpv6 type echo-reply'),
    gre: pair('ip', tv[0], net[0], 'meta l4proto 47', 'meta l4proto 47'),
    sctp: pair('ip6', tv[1], net[1], 'meta l4proto 132', 'meta l4proto 132'),
  };
  const named = Object.entries(ways).flatMap(([name, [there, back]]) => [
    [`${name}_up`, there],
    [`${name}_down`, back],
  ]);
  await count(Object.fromEntries(named));
  const one = agent();
  await one.observer.start(stopper.signal);
  try {
    await meet(one);
    await iperf('tv', 'net', net[0]);
    await iperf('tv', 'net', net[1]);
    await iperf('net', 'camera', OUTSIDE, { port: 8080 });
    await iperf('tv', 'camera', OUTSIDE, { port: 8080 });
    await iperf('guest', 'tv', tv[0]);
    await iperf('guest', 'tv', tv[1]);
    await run('tv', `ping -c3 -i.2 ${net[0]} >/dev/null; ping -c3 -i.2 -s 1000 ${net[1]} >/dev/null`);
    await rawPackets('tv');
    await settled(one);
    const kernel = await counted();
    const measured = (name: string) => [kernel.get(`${name}_up`), kernel.get(`${name}_down`)];
    /** As the one who opened the connection saw it. */
    const seen = (opener: string, flow: Flow | undefined): (Counted | undefined)[] =>
      flow?.device === opener ? [flow.up, flow.down] : [flow?.down, flow?.up];
    const [t, c, g] = [one.node('tv'), one.node('camera'), one.node('guest')];
    const [n, n6] = [one.node('net', 0), one.node('net', 1)];
    expect([one.node('tv', 1), one.node('guest', 1)]).toEqual([t, g]);
    const flows = {
      nat: seen(t, one.flow(t, n, 6, 5201)),
      six: seen(t, one.flow(t, n6, 6, 5201)),
      forward: seen(n, one.flow(c, n, 6, 5201)),
      hairpin: seen(t, one.flow(t, c, 6, 5201)),
      ping: seen(t, one.flow(t, n, 1, 8)),
      ping6: seen(t, one.flow(t, n6, 58, 128)),
      gre: seen(t, one.flow(t, n, 47, 0)),
      sctp: seen(t, one.flow(t, n6, 132, 3868)),
    };
    for (const [name, flow] of Object.entries(flows)) expect(flow, name).toEqual(measured(name));
    // One flow for the two devices, whatever the family.
    const both = [measured('lans'), measured('lans6')].reduce(([up, down], [up6, down6]) => [
      total(up, up6),
      total(down, down6),
    ]);
    expect(seen(g, one.flow(g, t, 6, 5201)), 'LAN to LAN').toEqual(both);
    expect(one.flow(t, g, 6, 5201)?.otherIsDevice).toBe(true);
    for (const name of Object.keys(flows)) expect(measured(name)[0]?.packets, name).toBeGreaterThan(1);
    expect(measured('nat')[0]?.bytes).toBeGreaterThan(1_000_000);
    expect([...one.flows.flows()].filter(({ partial }) => partial)).toEqual([]);
    expect(one.observer.health()).toMatchObject({
      tracking: true,
      why: undefined,
      trackedByRule: ['IPv4 (nft)', 'IPv6 (nft)'],
    });
  } finally {
    await one.observer.stop();
  }
}, 60_000);

test('the tracking rule and the settings: made, told, and put back; a left one is taken over', async () => {
  await run('router', 'nft delete table ip nat; conntrack -F 2>/dev/null');
  const before = await run(
    'router',
    'nft list ruleset; sysctl net.netfilter | grep -E "acct|timestamp =|events ="',
  );
  const one = agent();
  await one.observer.start(stopper.signal);
  await until('both families', () => one.observer.health().trackedByRule.length === 2);
  // They are told of before they are made, so that an end in the middle takes them along.
  let ours = '';
  await expect
    .poll(async () => {
      ours = await run('router', 'nft list ruleset');
      return ours.match(/table ip6? hedgerow_track/g)?.length;
    })
    .toBe(2);
  expect(ours).not.toMatch(/hook/);
  await meet(one);
  await run('tv', `echo hello > /dev/udp/${ADDRESS.net[1]}/9999`);
  await until('a flow of IPv6', () => one.flow(one.node('tv'), one.node('net', 1), 17, 9999));
  // A crash: nothing is put back. What comes after it takes over, and does not double.
  const next = agent();
  await next.observer.start(stopper.signal);
  await until('taken over', () => next.observer.health().trackedByRule.length === 2);
  expect((await run('router', 'nft list ruleset')).match(/ct state new/g)).toHaveLength(2);
  await next.observer.stop();
  await one.observer.stop();
  expect(
    await run('router', 'nft list ruleset; sysctl net.netfilter | grep -E "acct|timestamp =|events ="'),
  ).toBe(before);
}, 60_000);

test('without conntrack(8) and nft: the kernel’s own file, and a rule of iptables', async () => {
  const saved = () =>
    run('router', 'for one in iptables ip6tables; do $one-save | grep -E "^-A" || true; done');
  const before = await saved();
  const one = agent({ exec: lacking('conntrack', 'nft') });
  await one.observer.start(stopper.signal);
  await until('the rule', () => one.observer.health().trackedByRule.includes('IPv6 (iptables)'), 15_000);
  expect(await saved()).toContain('HEDGEROW-TRACK -m conntrack --ctstate NEW');
  await run('router', `for to in ${ADDRESS.tv[0]} ${ADDRESS.tv[1]}; do ping -c1 -W2 $to >/dev/null; done`);
  const { sent } = await many('tv', ADDRESS.net[1], { rate: 100, seconds: 1, packets: 2 });
  const flow = () => one.flow(one.node('tv'), one.node('net', 1), 17, 9999);
  await until('every packet is counted', () => flow()?.up?.packets === sent);
  await settled(one);
  expect(flow()?.up).toEqual({ packets: sent, bytes: sent * 148 });
  expect(one.observer.health().sources.map(({ name }) => name)).toContain('conntrack (/proc)');
  await one.observer.stop();
  expect(await saved()).toBe(before);
}, 60_000);

test('the reader of events is killed again and again: begun anew, nothing lost, nothing twice', async () => {
  // Longer than what lies between two readings, also on a machine that is busy.
  await run('router', 'sysctl -qw net.netfilter.nf_conntrack_udp_timeout=5');
  const one = agent();
  await one.observer.start(stopper.signal);
  try {
    await meet(one);
    const sending = many('tv', ADDRESS.net[0], { rate: 300, seconds: 4, packets: 3 });
    const killing = (async () => {
      for (let n = 0; n < 4; n++) {
        await systemClock.sleep(700);
        await run('router', `for pid in $(${conntrackPids}); do kill -9 $pid; done`);
      }
    })();
    const [{ sent }] = await Promise.all([sending, killing]);
    const flow = () => one.flow(one.node('tv'), one.node('net'), 17, 9999);
    await until('every packet is counted', () => flow()?.up?.packets === sent);
    await until('every connection has ended', () => flow()?.entries === 0, 15_000);
    expect(flow()?.up).toEqual({ packets: sent, bytes: sent * 128 });
    expect(
      one.observer.health().sources.find(({ name }) => name.startsWith('conntrack'))?.restarts,
    ).toBeGreaterThan(1);
    await until('it runs again', () => one.observer.health().why === undefined, 15_000);
  } finally {
    await one.observer.stop();
  }
}, 60_000);

test(`2,000 new connections a second for ${SECONDS} s, default buffers: every packet is counted`, async () => {
  // Short enough that most ends are told meanwhile, and longer than what lies between two readings.
  await run('router', 'sysctl -qw net.netfilter.nf_conntrack_udp_timeout=5');
  await count({ many_up: `ip saddr ${ADDRESS.tv[0]} udp dport 9999` });
  const one = agent({ pollMs: 2_000 });
  await one.observer.start(stopper.signal);
  try {
    await meet(one);
    const before = process.cpuUsage();
    const begun = performance.now();
    const { sent, tookMs } = await many('tv', ADDRESS.net[0], { rate: 2_000, seconds: SECONDS, packets: 3 });
    const flow = () => one.flow(one.node('tv'), one.node('net'), 17, 9999);
    await settled(one);
    const used = process.cpuUsage(before);
    const wall = performance.now() - begun;
    // All at once: more ends than the kernel can tell.
    await run('router', 'conntrack -D -p udp --dport 9999 >/dev/null 2>&1 || true');
    await until('every connection has ended', () => flow()?.entries === 0);
    const share = (100 * (used.user + used.system)) / 1000 / wall;
    process.stdout.write(
      `${sent} packets sent in ${tookMs} ms; ${share.toFixed(1)} % of a core here; ${JSON.stringify(one.counters())}\n`,
    );
    expect(sent).toBe(2_000 * SECONDS * 3);
    expect((await counted()).get('many_up')).toEqual({ packets: sent, bytes: sent * 128 });
    expect(flow()?.up).toEqual({ packets: sent, bytes: sent * 128 });
  } finally {
    await one.observer.stop();
  }
}, 90_000);

function total(one: Counted | undefined, other: Counted | undefined): Counted {
  return {
    packets: (one?.packets ?? 0) + (other?.packets ?? 0),
    bytes: (one?.bytes ?? 0) + (other?.bytes ?? 0),
  };
}
