import { afterEach, describe, expect, it, vi } from 'vitest';
import { Changes, type LookArgs } from '../../../src/cli/look.ts';
import { csvLine } from '../../../src/cli/output.ts';
import { devices } from '../../../src/cli/verbs/devices.ts';
import { flows } from '../../../src/cli/verbs/flows.ts';
import { nodes } from '../../../src/cli/verbs/nodes.ts';
import type { FlowHistoryView } from '../../../src/control/views/flow-history.ts';
import type { FlowView } from '../../../src/control/views/flows.ts';
import type { DeviceView } from '../../../src/control/views/nodes.ts';

describe('CSV', () => {
  it('is that of RFC 4180, and no formula', () => {
    expect(csvLine(['a', 'b c', 'say "hi"', 'x,y', 1.5, 2 ** 53 - 1, undefined, true])).toBe(
      'a,b c,"say ""hi""","x,y",1.5,9007199254740991,,true\r\n',
    );
    for (const evil of ['=cmd|calc', '+1', '-1', '@sum(a1)', ' =1'])
      expect(csvLine([evil])).toBe(`'${evil}\r\n`);
    expect(csvLine(['=HYPERLINK("http://x","y")'])).toBe(`"'=HYPERLINK(""http://x"",""y"")"\r\n`);
    // Control characters, which some take for the end of a cell, are made harmless.
    expect(csvLine(['a\r\n=1\t=2'])).toBe('a??=1?=2\r\n');
    expect(csvLine([-5])).toBe('-5\r\n');
  });
});

describe('what is watched', () => {
  it('is told again when something changed, and when it is gone', () => {
    const changes = new Changes<object[], object>({
      rows: (view) => view,
      key: (row) => String((row as { id: string }).id),
      quiet: ['seenSecondsAgo'],
    });
    expect(changes.of([{ id: 'a', n: 1, seenSecondsAgo: 0 }])).toHaveLength(1);
    expect(changes.of([{ id: 'a', n: 1, seenSecondsAgo: 2 }])).toEqual([]);
    expect(changes.of([{ id: 'a', n: 2 }, { id: 'b' }])).toHaveLength(2);
    expect(changes.of([{ id: 'b' }])).toEqual([{ gone: 'a' }]);
    expect(changes.of([{ id: 'b' }])).toEqual([]);
  });
});

const end = (label: string) => ({ id: label, label });
const counts = (bytes: number) => ({ packets: 1, bytes });
const flow: FlowView = {
  device: end('=tv'),
  other: end('ads.example'),
  protocol: 'tcp',
  port: 443,
  up: counts(1_234_567),
  down: undefined,
  blocked: counts(9),
  partial: true,
  connections: 2,
  ignored: false,
  seenSecondsAgo: 3,
};
const row = { ...flow, at: undefined, up: counts(1_234_567), down: counts(5), blocked: counts(0) };
const history: FlowHistoryView = {
  rows: [row, { ...row, device: undefined, other: undefined, at: '2026-11-21' }],
  more: 3,
  total: row,
  interfaces: [{ name: 'br-lan', receivedBytes: 2e9, sentBytes: 1, receivedPackets: 1, sentPackets: 1 }],
  from: '2026-11-20T10:00:00.000Z',
  notes: ['a note'],
};
const device: DeviceView = {
  id: '0123456789abcdef',
  ids: ['0123456789abcdef'],
  label: 'tv',
  device: true,
  names: ['tv'],
  given: ['tv', 'telly'],
  groups: ['kids'],
  ignored: false,
  macs: ['02:00:00:00:01:01'],
  references: {},
  alias: undefined,
  randomisedMac: true,
  addresses: [{ address: '192.168.1.20', segment: 'attic/br-lan' }],
  domains: [],
  seenSecondsAgo: 5,
  vendor: undefined,
  router: 'attic',
  places: [
    {
      router: 'attic',
      state: 'alive',
      here: true,
      segments: ['br-lan'],
      sinceSeconds: 1,
      seenSecondsAgo: 1,
      bytes: undefined,
    },
  ],
  firstSeen: { at: '2026-11-01T00:00:00.000Z', trusted: true },
  bytes: { up: 5e6, down: 7e9 },
  internetBlockedBy: [],
  bytesHere: { up: 4_999_999, down: 1 },
  bytesToday: { up: 0, down: 1_000 },
};

describe('a verb that lists', () => {
  afterEach(() => void vi.restoreAllMocks());
  /** What a verb prints when the agent answers so, and what it asked for. */
  const run = async (
    verb: { handler: (args: never) => unknown },
    args: Partial<LookArgs> & Record<string, unknown>,
    answer: unknown,
  ) => {
    const asked: unknown[] = [];
    let printed = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed += String(text);
      return true;
    });
    const asks = async (view: string, params: unknown) => {
      asked.push([view, params]);
      return answer;
    };
    const common = { json: false, csv: false, watch: false, top: 50, all: false, asks };
    await verb.handler({ ...common, ...args } as never);
    vi.restoreAllMocks();
    return { asked, printed };
  };

  it('shows flows to a person with amounts that can be read, and exactly to a program', async () => {
    const { asked, printed } = await run(flows, { who: 'tv' }, [flow]);
    expect(asked).toEqual([['flows', { top: 50, all: false, who: 'tv' }]]);
    expect(printed).toContain('≥ 1.2 MB');
    expect(printed).toContain('1 packet');
    expect((await run(flows, { csv: true }, [flow])).printed).toBe(
      'device,with,protocol,port,up_bytes,up_packets,down_bytes,down_packets,blocked_packets,connections,partial,seen_seconds_ago\r\n' +
        "'=tv,ads.example,tcp,443,1234567,1,,,1,2,true,3\r\n",
    );
    expect(JSON.parse((await run(flows, { json: true }, [flow])).printed)).toMatchObject([
      { up: { bytes: 1_234_567 } },
    ]);
    await expect(run(flows, { json: true, csv: true }, [])).rejects.toThrow('--csv goes with neither');
  });

  it('shows a history of other routers by the rows that they have', async () => {
    const { asked, printed } = await run(flows, { since: '2h' }, history.rows);
    expect(asked).toEqual([['flows', { top: 50, all: false, since: 7_200, by: 'pair' }]]);
    expect(printed.split('\n')[0]).toMatch(/WHEN +DEVICE +WITH +UP/);
    expect((await run(flows, { by: 'hour' }, [])).asked).toEqual([
      ['flows', { top: 50, all: false, since: 86_400, by: 'hour' }],
    ]);
    expect((await run(flows, { since: '2h', csv: true }, history.rows)).printed.split('\r\n')[2]).toBe(
      '2026-11-21,,,1234567,1,5,1,1,2,true',
    );
  });

  it('shows where devices are and what they moved', async () => {
    const { printed } = await run(devices, {}, [device]);
    for (const text of [
      'tv (also telly)',
      '(randomised)',
      'attic/br-lan',
      '0 B ↑ 1.0 kB ↓',
      '5.0 MB ↑ 7.0 GB ↓',
    ])
      expect(printed).toContain(text);
    const old = { ...device, id: 'old', firstSeen: { at: '2001-01-01T00:00:00.000Z', trusted: true } };
    const now = { ...device, id: 'fresh', firstSeen: { at: new Date().toISOString(), trusted: true } };
    const fresh = await run(devices, { new: '1h', json: true }, [
      old,
      now,
      { ...device, firstSeen: undefined },
    ]);
    expect((JSON.parse(fresh.printed) as DeviceView[]).map(({ id }) => id)).toEqual(['fresh']);
    expect((await run(devices, { new: '1h' }, [old])).printed).toContain('no device is new');
    const csv = (await run(devices, { csv: true }, [device])).printed.split('\r\n')[1];
    expect(csv).toBe(
      '0123456789abcdef,tv,kids,02:00:00:00:01:01,true,,192.168.1.20,attic,2026-11-01T00:00:00.000Z,5,0,1000,4999999,1',
    );
  });

  it('shows nodes', async () => {
    const { asked, printed } = await run(nodes, { top: 3 }, [device]);
    expect(asked).toEqual([['nodes', { top: 3 }]]);
    expect(printed).toContain('192.168.1.20');
  });
});
