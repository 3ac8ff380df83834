import { describe, expect, test } from 'vitest';
import type { Flow } from '../../../../src/local/flows/flow.ts';
import { joinFlows } from '../../../../src/local/flows/joined.ts';

function flow(more: Partial<Flow>): Flow {
  return {
    device: 'tv',
    other: 'ads',
    otherIsDevice: false,
    protocol: 6,
    port: 443,
    up: { packets: 1, bytes: 60 },
    down: { packets: 2, bytes: 3_000 },
    partial: false,
    offloaded: false,
    firstSeen: 10,
    lastSeen: 20,
    entries: 1,
    blocked: undefined,
    ...more,
  };
}

/** Classes as the policy gives them: whoever is in one is answered with all of it. */
function classes(...all: string[][]): (id: string) => string[] {
  return (id) => all.find((one) => one.includes(id)) ?? [id];
}

describe('joined flows', () => {
  test('nothing merged: nothing changes', () => {
    const flows = [flow({}), flow({ port: 80 }), flow({ device: 'nas' })];
    expect(joinFlows(flows, classes())).toEqual(flows);
  });

  test('the ids of a class are one: counters and entries add, the first and the last time count', () => {
    const flows = [
      flow({ other: 'ads', partial: true }),
      flow({ other: '203.0.113.7', firstSeen: 5, lastSeen: 50, entries: 2, offloaded: true }),
      flow({ other: 'news' }),
    ];
    expect(joinFlows(flows, classes(['ads', '203.0.113.7']))).toEqual([
      flow({
        other: '203.0.113.7',
        up: { packets: 2, bytes: 120 },
        down: { packets: 4, bytes: 6_000 },
        partial: true,
        offloaded: true,
        firstSeen: 5,
        lastSeen: 50,
        entries: 3,
      }),
      flow({ other: 'news' }),
    ]);
  });

  test('unknown and known: what is known, and a lower bound if one of them said so', () => {
    const flows = [flow({ up: undefined, partial: true }), flow({ other: 'b' })];
    expect(joinFlows(flows, classes(['ads', 'b']))).toMatchObject([
      { up: { packets: 1, bytes: 60 }, down: { packets: 4 }, partial: true },
    ]);
  });

  test('blocked if either is', () => {
    const flows = [
      flow({ other: 'b' }),
      flow({ blocked: { packets: 3, bytes: 180, lastSeen: 15 } }),
      flow({ other: 'c', blocked: { packets: 1, bytes: 60, lastSeen: 12 } }),
    ];
    expect(joinFlows(flows, classes(['ads', 'b', 'c']))).toMatchObject([
      { blocked: { packets: 4, bytes: 240, lastSeen: 15 } },
    ]);
  });

  test('two devices: one flow for each service, as the one that was seen first began it', () => {
    const flows = [
      flow({ device: 'nas', other: 'tv', otherIsDevice: true, firstSeen: 30 }),
      flow({ device: 'tv', other: 'nas-wifi', otherIsDevice: true, firstSeen: 10 }),
    ];
    expect(joinFlows(flows, classes(['nas', 'nas-wifi']))).toMatchObject([
      { device: 'tv', other: 'nas', up: { packets: 3, bytes: 3_060 }, down: { packets: 3, bytes: 3_060 } },
    ]);
  });

  test('a remote that people say is a device', () => {
    const flows = [
      flow({ device: 'nas', other: 'tv', otherIsDevice: true, firstSeen: 30 }),
      flow({ device: 'tv', other: 'nas.example', firstSeen: 10 }),
    ];
    expect(joinFlows(flows, classes(['nas', 'nas.example']))).toMatchObject([
      { device: 'tv', other: 'nas', otherIsDevice: true, up: { packets: 3 } },
    ]);
  });

  test('an end that was a device in either flow is one', () => {
    const flows = [
      flow({ device: 'tv', other: 'nas.example' }),
      flow({ device: 'nas', other: 'tv.example', firstSeen: 30 }),
    ];
    expect(joinFlows(flows, classes(['nas', 'nas.example'], ['tv', 'tv.example']))).toMatchObject([
      { device: 'tv', other: 'nas', otherIsDevice: true, up: { packets: 3 } },
    ]);
  });

  test('what is blocked as a whole has no class', () => {
    const asked: string[] = [];
    joinFlows([flow({ device: 'home', other: '198.51.100.0/24' }), flow({ other: 'lan' })], (id) => {
      asked.push(id);
      return [id];
    });
    expect(asked).toEqual(['tv']);
  });
});
