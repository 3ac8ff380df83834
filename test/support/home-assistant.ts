import * as z from 'zod';
import { change } from '../../src/control/methods/params.ts';
import type { Method } from '../../src/control/offer.ts';
import type { Recent } from '../../src/control/recent.ts';
import type { HomeView } from '../../src/control/views/home.ts';
import type { DeviceView } from '../../src/control/views/nodes.ts';
import { UsageError } from '../../src/errors.ts';

/** A home as the views of Home Assistant's publications show it, and the commands that it was given. */
export interface FakeHome {
  readonly methods: ReadonlyMap<string, Method>;
  devices: DeviceView[];
  members: HomeView['members'][number][];
  peers: { router: string; peer: string; state: string; inStep: boolean }[];
  policies: object[];
  /** Commands in order: name and parameters. */
  readonly commands: [string, Record<string, unknown>][];
  /** What the next command does, or throws. */
  onCommand: (name: string, params: Record<string, unknown>) => void;
}

export const id = (n: number) => n.toString(16).padStart(32, '0');
export const peer = (n: number) => n.toString(16).padEnd(64, 'a');

/** A device behind the attic's router. */
export function deviceView(n: number, label: string, more: Partial<DeviceView> = {}): DeviceView {
  return {
    id: id(n),
    ids: [id(n)],
    label,
    device: true,
    names: [label],
    given: [label],
    groups: [],
    ignored: false,
    macs: ['02:00:00:00:00:01'],
    randomisedMac: false,
    addresses: [],
    domains: [],
    seenSecondsAgo: 10,
    references: {},
    alias: undefined,
    vendor: 'Example Corp',
    router: 'attic',
    places: [placeOf('attic', 1_000, 50)],
    firstSeen: undefined,
    bytes: { up: 50, down: 1_000 },
    bytesHere: { up: 50, down: 1_000 },
    bytesToday: undefined,
    internetBlockedBy: [],
    ...more,
  };
}

export function placeOf(
  router: string,
  down: number,
  up: number,
  more: Partial<DeviceView['places'][number]> = {},
): DeviceView['places'][number] {
  return {
    router,
    state: 'alive',
    here: true,
    segments: ['br-lan'],
    sinceSeconds: 60,
    seenSecondsAgo: 10,
    bytes: { up, down },
    ...more,
  };
}

export function fakeHome(): FakeHome {
  const member = (n: number, router: string): HomeView['members'][number] => ({
    router,
    peer: peer(n),
    admin: true,
    standing: n === 1 ? 'founder' : 'member',
    self: n === 1,
    lastHeard: undefined,
    absent: false,
    sharedInvitation: false,
  });
  const methods = new Map<string, Method>();
  const home: FakeHome = {
    methods,
    devices: [deviceView(1, 'Lounge TV'), deviceView(2, "Anna's phone", { randomisedMac: true })],
    members: [member(1, 'attic'), member(2, 'shed')],
    peers: [{ router: 'shed', peer: peer(2), state: 'alive', inStep: true }],
    policies: [],
    commands: [],
    onCommand: () => undefined,
  };
  const view = (name: string, show: () => unknown) =>
    methods.set(name, { params: z.strictObject({}), run: async () => structuredClone(show()) });
  view('devices', () => home.devices);
  view('peers', () => home.peers);
  view('policies', () => home.policies);
  view('home', () => ({ id: 'h', name: undefined, peer: peer(1), router: 'attic', members: home.members }));
  view('status', () => ({
    routers: { members: 2, alive: 2, inStep: 2 },
    clock: { trusted: true, why: 'a test' },
    enforcement: { enforcing: true },
  }));
  for (const name of ['block', 'unblock', 'allow', 'pause']) {
    const params = z.looseObject({ by: change.by });
    methods.set(name, {
      params,
      run: async (given) => {
        const of = params.parse(given);
        home.commands.push([name, of]);
        home.onCommand(name, of);
        return {};
      },
    });
  }
  return home;
}

/** For `onCommand`. */
export function refuse(): never {
  throw new UsageError('not this');
}

export function recentOf(nodes = 0, policies = 0, peers = 0): Recent {
  return {
    moved: [],
    dropped: [],
    asked: [],
    happenings: [],
    missed: 0,
    versions: { nodes, policies, peers },
  };
}
