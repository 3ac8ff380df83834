/** What one change costs a router that has many policies, and a peer's registers. */
import { compile } from '../src/local/enforce/rulebook.ts';
import { assignSlots } from '../src/local/enforce/slots.ts';
import { decide } from '../src/policy/decide.ts';
import { guardOf } from '../src/policy/guard.ts';
import { referencedNodes } from '../src/policy/references.ts';
import { MAX_REGISTERS_PER_PEER, Registers } from '../src/policy/registers.ts';
import { type Figure, figure, round } from './figures.ts';
import { blockOf, crypto, descriptors, members, newReplica, remoteOf } from './history.ts';
import { must, took } from './timing.ts';

/** Everything that is computed for one change of the policy, at 50 devices with so many policies between them. */
export function decideTimes(policies: number, runs: number): Record<string, Figure> {
  const replica = newReplica();
  const run = '0b'.repeat(16);
  for (let n = 0; n < policies; n++) {
    replica.author(members[0], run, { at: 1, by: 'ada', over: [], add: [blockOf(n)] });
  }
  const known = descriptors(policies);
  const homePrefixes = new Set(['192.168.1.0/24', '2001:db8:1::/64']);
  const desired = () =>
    decide({
      live: replica.live.values(),
      descriptors: known,
      segments: new Set(['attic/br-lan']),
      home: homePrefixes,
      guard: guardOf(['192.168.1.1', '2001:db8:1::1'], [], homePrefixes),
      routerMacs: new Set(),
      maxAddresses: 200_000,
      // As many as an agent keeps ready (src/local/decider.ts).
      readyOwners: 64,
    });
  const blockSet = desired();
  must(blockSet.owners.size, Math.min(50, policies));
  const slots = assignSlots(new Map(), blockSet.owners.keys());
  const steps: Record<string, () => unknown> = {
    'the nodes referred to': () => referencedNodes(crypto, replica.home, replica.live.values()),
    decide: desired,
    'compile for ipset': () => compile(blockSet, slots, { wan: ['wan0'] }),
  };
  return Object.fromEntries(
    Object.entries(steps).map(([name, step]) => [
      name,
      figure(Array.from({ length: runs }, () => took(step).ms)),
    ]),
  );
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
