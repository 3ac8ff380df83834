/** What one change costs a router that has many policies, and a peer's registers. */
import { compile } from '../src/local/enforce/rulebook.ts';
import { assignSlots } from '../src/local/enforce/slots.ts';
import { Classes } from '../src/policy/classes.ts';
import { decide } from '../src/policy/decide.ts';
import { Decision } from '../src/policy/decision.ts';
import type { Descriptor } from '../src/policy/descriptor.ts';
import { guardOf } from '../src/policy/guard.ts';
import type { Record } from '../src/policy/records.ts';
import { MAX_REGISTERS_PER_PEER, Registers } from '../src/policy/registers.ts';
import { Sightings } from '../src/policy/sightings.ts';
import { type Figure, figure, round } from './figures.ts';
import { crypto, members, newReplica, remoteOf } from './history.ts';
import { must, took } from './timing.ts';

const DEVICES = 200;
/** Addresses of each of the remotes that the policies are about. */
const ADDRESSES = 20;
const HERE = 'attic/br-lan';

/** A house of 200 devices with so many policies, each about a remote of 20 addresses: 1,000 make 20,000 addresses. */
export function decideTimes(policies: number, runs: number): { readonly [step: string]: Figure } {
  const home = new Set(['192.168.0.0/16', '2001:db8:1::/64']);
  const circumstances = {
    home,
    guard: guardOf(['192.168.1.1', '2001:db8:1::1'], [], home),
    maxAddresses: 200_000,
    // As many as an agent keeps ready (src/local/decider.ts).
    readyOwners: 64,
  };
  const live = Array.from({ length: policies }, (_, n) => wanted(n));
  const surroundings = { segments: new Set([HERE]), routerMacs: new Set<string>() };
  const known = [
    ...Array.from({ length: DEVICES }, (_, n) => deviceAt(n)),
    ...live.map((_, n) => remoteAt(n, 0)),
  ];
  const whole = () => decide({ ...surroundings, ...circumstances, live, descriptors: known });

  const sightings = new Sightings(surroundings);
  for (const descriptor of known) sightings.put('', descriptor.node, descriptor);
  const edges = new Map();
  const scene = {
    sightings,
    edges,
    classes: new Classes(edges, sightings),
    idOfDomain: (domain: string) => domain,
  };
  const decision = new Decision();
  const blockSet = decision.next(live, scene, circumstances);
  must(blockSet.owners.size, Math.min(DEVICES, Math.max(64, policies)));
  const slots = assignSlots(new Map(), blockSet.owners.keys());
  let turn = 0;
  const steps: { readonly [step: string]: () => unknown } = {
    'decide from nothing': whole,
    'decide after one new address': () => {
      turn += 1;
      const remote = remoteAt(turn % policies, turn);
      sightings.put('', remote.node, remote);
      return decision.next(live, scene, circumstances);
    },
    'decide after one new policy': () =>
      decision.next([...live, wanted(policies + ++turn)], scene, circumstances),
    'compile for ipset': () => compile(blockSet, slots, { wan: ['wan0'] }),
  };
  return Object.fromEntries(
    Object.entries(steps).map(([name, step]) => [
      name,
      figure(Array.from({ length: runs }, () => took(step).ms)),
    ]),
  );
}

function wanted(n: number): { id: string; record: Record } {
  const a = { kind: 'device', id: `device ${n % DEVICES}` } as const;
  const b = { kind: 'domain', domain: `d${n}.example` } as const;
  return {
    id: `${n.toString(16).padStart(64, '0')}/0`,
    record: { kind: 'block', a, b, terms: {}, apart: [] },
  };
}

function deviceAt(n: number): Descriptor {
  return {
    node: `device ${n}`,
    device: true,
    macs: [`02:00:00:00:01:${(n % 256).toString(16).padStart(2, '0')}`],
    addresses: [
      { address: `192.168.${1 + (n >> 7)}.${(n & 127) + 10}`, segment: HERE },
      { address: `2001:db8:1::${(n + 10).toString(16)}`, segment: HERE },
    ],
    domains: [],
    names: [],
  };
}

/** `newest`: one address more than it has at 0. */
function remoteAt(n: number, newest: number): Descriptor {
  const addresses = Array.from({ length: ADDRESSES }, (_, i) => {
    const tail = n * ADDRESSES + i;
    return i % 2 === 0
      ? { address: `198.${18 + (tail >> 16)}.${(tail >> 8) & 255}.${tail & 255}` }
      : { address: `2001:db8:cb00::${(tail + 1).toString(16)}` };
  });
  const domain = `d${n}.example`;
  if (newest > 0) addresses.push({ address: `2001:db8:cb01::${newest.toString(16)}` });
  return { node: domain, device: false, macs: [], addresses, domains: [domain], names: [] };
}

/** As many registers as a peer may have: written, admitted elsewhere, asked for. */
export function registerTimes() {
  const { home } = newReplica();
  const options = { home, crypto, isMember: () => true };
  const [from, to] = [new Registers(options), new Registers(options)];
  const count = MAX_REGISTERS_PER_PEER;
  const writing = took(() =>
    Array.from({ length: count }, (_, n) => {
      const about = remoteOf(n);
      return from.author(members[0], { gen: 1, rev: n + 1 }, about.node, about).envelope;
    }),
  );
  const admitting = took(() => {
    for (const envelope of writing.value) must(to.admit(envelope), 'ok');
    to.advance(members[0].peer);
  });
  const asking = took(() => to.since(new Map([[members[0].peer, { gen: 1, rev: count - 10 }]])));
  must(asking.value[0]?.envelopes.length, 10);
  return {
    count,
    written_per_s: Math.round((count / writing.ms) * 1000),
    admitted_per_s: Math.round((count / admitting.ms) * 1000),
    last_ten_ms: round(asking.ms),
  };
}
