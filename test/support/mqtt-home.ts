import * as z from 'zod';
import type { Method } from '../../src/control/offer.ts';
import type { Recent, RecentSource } from '../../src/control/recent.ts';
import { UsageError } from '../../src/errors.ts';

/** Nothing happened. */
export const nothing: Recent = {
  moved: [],
  dropped: [],
  asked: [],
  happenings: [],
  missed: 0,
  versions: { nodes: 0, policies: 0, peers: 0 },
};

/** A source of what a test says. */
export class FakeRecent implements RecentSource {
  next: Partial<Recent> = {};
  versions = { nodes: 0, policies: 0, peers: 0 };
  takes = 0;

  take(): Recent {
    this.takes += 1;
    const { next } = this;
    this.next = {};
    return { ...nothing, ...next, versions: { ...this.versions } };
  }
}

/** The id of a node: one hex digit, 32 times. */
export const id = (digit: string) => digit.repeat(32);

/** A device as the view `devices` has it. */
export function device(digit: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: id(digit),
    ids: [id(digit)],
    label: `device ${digit}`,
    device: true,
    names: [`device ${digit}`],
    given: [],
    groups: [],
    ignored: false,
    macs: [`02:00:00:00:00:0${digit}`],
    randomisedMac: true,
    addresses: [{ address: `192.0.2.${Number.parseInt(digit, 16)}`, segment: 'attic/br-lan' }],
    domains: [],
    seenSecondsAgo: 3,
    references: {},
    alias: undefined,
    vendor: undefined,
    router: 'attic',
    places: [
      {
        router: 'attic',
        state: 'alive',
        here: true,
        segments: ['br-lan'],
        sinceSeconds: 60,
        seenSecondsAgo: 3,
        bytes: undefined,
      },
    ],
    firstSeen: { at: '2026-11-01T00:00:00.000Z', trusted: true },
    bytes: { up: 10, down: 20 },
    bytesHere: { up: 10, down: 20 },
    bytesToday: undefined,
    internetBlockedBy: [],
    ...more,
  };
}

/** A policy as the view `policies` has it. */
export function policy(name: string): Record<string, unknown> {
  return {
    id: `${name.repeat(64).slice(0, 64)}/0`,
    kind: 'block',
    a: { subject: { kind: 'device', id: id('1') }, label: 'device 1' },
    b: { subject: { kind: 'internet' }, label: 'internet' },
    by: 'anna',
    router: 'attic',
    at: '2026-11-01T00:00:00.000Z',
    reason: undefined,
    terms: {},
    time: '',
    alsoAffects: [],
    alsoAffectsMore: 0,
    here: { enforced: true, why: undefined, addresses: 0, networks: 0, wide: 1 },
  };
}

/** What the views of one router of a home answer, and which commands it was given. */
export class FakeHome {
  readonly member: string;
  readonly router: string;
  devices = [device('1'), device('2')];
  kept: Record<string, unknown>[] = [device('9', { device: false, places: undefined })];
  policies = [policy('a')];
  readonly calls: { name: string; params: unknown }[] = [];
  /** Adds up how often each view was looked at. */
  readonly looks = new Map<string, number>();
  readonly methods: ReadonlyMap<string, Method>;

  constructor(member: string, router: string) {
    this.member = member;
    this.router = router;
    const views: Record<string, () => unknown> = {
      status: () => this.#status(),
      devices: () => this.devices,
      'nodes.kept': () => this.kept,
      policies: () => this.policies,
      peers: () => [this.#peer()],
      home: () => ({
        members: [
          { router, peer: member, admin: true, standing: 'founder', self: true },
          { router: 'cellar', peer: 'f'.repeat(64), admin: false, standing: 'member', self: false },
          { router: 'gone', peer: 'e'.repeat(64), admin: false, standing: 'evicted', self: false },
        ],
      }),
    };
    const methods = new Map<string, Method>();
    const offer = <T>(name: string, params: z.ZodType<T>, run: (params: T) => unknown) => {
      methods.set(name, {
        params,
        run: async (given) => {
          this.looks.set(name, (this.looks.get(name) ?? 0) + 1);
          return run(params.parse(given ?? {}));
        },
      });
    };
    for (const [name, view] of Object.entries(views)) offer(name, z.strictObject({}), view);
    offer('labels', z.strictObject({ ids: z.array(z.string()) }), ({ ids }) =>
      Object.fromEntries(ids.map((each) => [each, `the ${each.slice(0, 4)}`])),
    );
    offer('block', z.strictObject({ first: z.string(), by: z.string().default('unknown') }), (params) => {
      this.calls.push({ name: 'block', params });
      if (params.first === 'nobody') throw new UsageError('nobody is called so', { hint: 'look' });
      return { changed: true };
    });
    offer('hang', z.strictObject({}), () => new Promise(() => undefined));
    this.methods = methods;
  }

  #peer() {
    return {
      router: 'cellar',
      peer: 'f'.repeat(64),
      state: 'alive',
      sinceSeconds: 9,
      rttMs: 1.25,
      inStep: true,
      applied: true,
      admin: false,
      bytesIn: 1,
      bytesOut: 2,
      toleranceSeconds: 10,
      lastError: undefined,
    };
  }

  #status() {
    return {
      router: this.router,
      home: { id: 'h'.repeat(8), name: undefined },
      digest: 'd',
      enforcement: { enforcing: true, backend: 'fake' },
      reach: { inside: [], notInside: ['br-lan'], notOwn: undefined },
      devices: this.devices.length,
      policies: this.policies.length,
      routers: { members: 2, alive: 2, inStep: 2 },
      clock: { trusted: true, why: 'a test' },
      rights: { uid: 0, lacks: [] },
      problems: [],
    };
  }
}
