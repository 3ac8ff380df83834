import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { offerMetrics } from '../../src/control/methods/metrics.ts';
import { isOfDevices, METRICS } from '../../src/control/metrics/definitions.ts';
import type { Method, Offer } from '../../src/control/offer.ts';
import type { Parts } from '../../src/control/parts.ts';
import type { NetworkStats } from '../../src/p2p/counters.ts';
import { admitAll, key } from '../support/household.ts';
import { fakeParts, see } from '../support/parts.ts';

const root = join(import.meta.dirname, '../..');
const rules = 'configs/prometheus/hedgerow.rules.yaml';

/** A router of which everything is known, so that no metric is without a value. */
function methodsOfRouter(): ReadonlyMap<string, Method> {
  const parts = fakeParts();
  admitAll(parts.replica, [1]);
  see(parts, '02:00:00:00:01:01', '192.168.1.20', 'A "TV"\\');
  parts.peers.set(key(1).peer, { state: 'alive', applied: true });
  const [row] = parts.network.peers();
  const counters = { frames: 12, dropped: 1, ignored: 2 };
  const source = { running: true, restarts: 1, lastError: undefined };
  const known: Partial<Parts> = {
    observer: {
      health: () => ({
        lan: ['br-lan'],
        tracking: true,
        trackedByRule: [],
        outside: {},
        sources: [
          { ...source, name: 'capture br-lan', counters },
          { ...source, name: 'drops', counters: { readings: 4, packets: 7, bytes: 700 } },
        ],
      }),
    } as unknown as Parts['observer'],
    network: {
      ...parts.network,
      peers: () => [{ ...row, rttMs: 12.5, bytesIn: 10, bytesOut: 20 }],
      stats: (): NetworkStats => ({ 'gossip.accepted': 3, 'links.closed.idle': 2 }),
      presence: {
        own: () => [
          {
            about: parts.cache.devices()[0],
            stay: { since: 0, seen: 0 },
            bytes: { up: 5, down: 6 },
          },
        ],
        all: () => [],
      },
    } as unknown as Parts['network'],
    discovery: { stats: () => ({ 'mdns.found': 6 }), problems: () => [] },
    portMapping: () => ({ state: 'mapped', external: '203.0.113.9:4411', why: undefined }),
    history: {
      ...parts.history,
      total: () => undefined,
      bytesSince: () => undefined,
      hour: () => ({ hour: 0, sure: true }),
      health: () => ({
        problem: undefined,
        putAside: undefined,
        sure: true,
        bytes: 1_000,
        rows: 3,
        folded: 0,
        damaged: 0,
        counters: {},
      }),
    } as unknown as NonNullable<Parts['history']>,
    connections: { listeners: () => [listener], page: () => ({ rows: [], next: undefined }) },
    loopDelay: { now: () => ({ p50: 0, p99: 1.5, max: 20, overSeconds: 60 }) },
    doorCounters: () => ({ mqtt: { dropped: 4 } }),
    store: {
      health: () => ({
        problem: undefined,
        waiting: { keys: 1, bytes: 30 },
        dropped: 0,
        unreadable: 0,
        written: 4_000,
        putAside: undefined,
      }),
    },
  };
  const methods = new Map<string, Method>();
  const offer: Offer = (name, params, run) => {
    methods.set(name, { params, run: async (given) => run(params.parse(given ?? {})) });
  };
  offerMetrics(offer, { ...parts, ...known });
  return methods;
}

const listener = {
  name: 'http',
  address: '127.0.0.1:4480',
  active: 1,
  total: 5,
  refused: 2,
  gaveWay: 1,
  uptimeMs: 10_000,
  bytesReceived: 100,
  bytesSent: 200,
};

const promtool = (args: readonly string[], input = '') => {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: root, input, encoding: 'utf8' });
  return { status, said: `${stdout}${stderr}` };
};

/** The names of our metrics in a text; those of a summary or a histogram do not occur. */
const mentioned = (text: string) => new Set(text.match(/\bhedgerow_[a-z0-9_]+/g));
const known = new Set(Object.keys(METRICS).map((name) => `hedgerow_${name}`));

describe('what Prometheus reads', () => {
  const methods = methodsOfRouter();
  const read = async (params = {}) => (await methods.get('metrics')?.run(params)) as string;
  let text = '';
  beforeAll(async () => {
    text = await read({ devices: true });
  });

  it('passes promtool check metrics', () => {
    expect(promtool(['check', 'metrics'], text)).toEqual({ status: 0, said: '' });
  });

  it('has every metric that there is', () => {
    expect([...mentioned(text)].sort()).toEqual([...known].sort());
  });

  it('has values in base units', () => {
    const line = (name: string) => text.split('\n').find((one) => one.startsWith(`hedgerow_${name}`));
    expect(line('peer_round_trip_seconds')).toMatch(/ 0\.0125$/);
    expect(line('peer_their_tolerance_seconds')).toMatch(/ 10$/);
    expect(line('peer_clock_ahead_seconds')).toMatch(/ 0\.012$/);
    expect(line('links_closed_total')).toBe('hedgerow_links_closed_total{reason="idle"} 2');
    expect(line('links{')).toBe('hedgerow_links{reason="all"} 1');
    expect(line('peers{state="alive"}')).toMatch(/ 1$/);
    expect(line('mdns_found_total')).toMatch(/ 6$/);
    expect(line('peers_witnessed_total')).toMatch(/ 0$/);
    expect(line('event_loop_delay_p99_seconds')).toMatch(/ 0\.0015$/);
    expect(line('counts{part="mqtt",what="dropped"}')).toMatch(/ 4$/);
    expect(line('dropped_bytes_total')).toBe('hedgerow_dropped_bytes_total 700');
    expect(line('listener_refused_total')).toMatch(/\{listener="http",address="127\.0\.0\.1:4480"\} 2$/);
    expect(line('listener_gave_way_total')).toMatch(/ 1$/);
    expect(line('device_received_bytes_total')).toMatch(/ 6$/);
  });

  it('names no device unless it is asked to', async () => {
    const plain = await read();
    expect([...mentioned(plain)].some((name) => isOfDevices(name.slice('hedgerow_'.length)))).toBe(false);
    expect(plain).not.toMatch(/TV|192\.168|02:00:00/);
    expect(text).toContain('device="A \\"TV\\"\\\\"');
  });
});

describe('what is made of it', () => {
  it('has rules that promtool takes, and that do what their test says', () => {
    for (const args of [
      ['check', 'rules', rules],
      ['test', 'rules', rules.replace('.yaml', '.test.yaml')],
    ]) {
      const { status, said } = promtool(args);
      expect({ args, status, said }).toMatchObject({ status: 0, said: expect.stringContaining('SUCCESS') });
    }
  });

  it.each([rules, 'configs/grafana/hedgerow.json'])('%s speaks of metrics that there are', (path) => {
    const names = mentioned(readFileSync(join(root, path), 'utf8'));
    expect(names.size).toBeGreaterThan(7);
    expect([...names].filter((name) => !known.has(name))).toEqual([]);
  });

  it('has a dashboard with panels of one data source', () => {
    const dashboard = JSON.parse(readFileSync(join(root, 'configs/grafana/hedgerow.json'), 'utf8'));
    expect(dashboard.templating.list[0]).toMatchObject({ type: 'datasource', query: 'prometheus' });
    const panels = dashboard.panels.filter(({ type }: { type: string }) => type !== 'row');
    expect(panels.length).toBeGreaterThan(15);
    expect(new Set(dashboard.panels.map(({ id }: { id: number }) => id)).size).toBe(dashboard.panels.length);
    for (const { targets, datasource } of panels) {
      expect(datasource.uid).toBe(['$', '{datasource}'].join(''));
      expect(targets.length).toBeGreaterThan(0);
    }
  });

  it('is documented, each with its kind, labels and meaning', () => {
    const rows = Object.entries(METRICS).map(([name, { kind, help, labels }]) => {
      const marked = labels.map((label) => `\`${label}\``).join(', ');
      return `| \`hedgerow_${name}\` | ${kind} | ${marked} | ${help} |`;
    });
    const docs = readFileSync(join(root, 'docs/metrics.md'), 'utf8').split('\n');
    expect(docs.filter((line) => line.startsWith('| `hedgerow_'))).toEqual(rows);
  });
});
