/**
 * What somebody in the network does to the overlay's port, run on a host of the house: `intruder.ts JSON` (a {@link Task}).
 * Prints one JSON value: what came of it.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gossipsub } from '@chainsafe/libp2p-gossipsub';
import { identify } from '@libp2p/identify';
import type { Libp2p, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { preSharedKey } from '@libp2p/pnet';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { systemClock } from '../../src/clock.ts';
import { ALIVE_PROTOCOL } from '../../src/p2p/alive/alive.ts';
import { StreamChannel } from '../../src/p2p/channel.ts';
import { topicsOf } from '../../src/p2p/gossip.ts';
import { libp2pKeyOf, peerIdOf } from '../../src/p2p/identity.ts';
import { createCrypto, generateKey, keyFromSeed, type SigningKey } from '../../src/p2p/keys.ts';
import { SYNC_PROTOCOL } from '../../src/p2p/sync/sync.ts';
import { syncSession } from '../../src/p2p/sync/sync-session.ts';
import { fromHex } from '../../src/policy/crypto.ts';
import type { Genesis } from '../../src/policy/genesis.ts';
import { Registers } from '../../src/policy/registers.ts';
import { Replica } from '../../src/policy/replica.ts';
import { falsehoods, GOSSIP_PROTOCOL, random } from './falsehoods.ts';

interface Target {
  readonly host: string;
  readonly port: number;
  /** The router's key. */
  readonly peer: string;
}

export type Task =
  | {
      readonly role: 'noise';
      readonly targets: readonly Target[];
      /** To each target. */
      readonly connections: number;
      /** How long to wait for all of them to be hung up on. */
      readonly ms: number;
    }
  | { readonly role: 'stranger'; readonly targets: readonly Target[]; readonly psk: string }
  | {
      readonly role: 'member';
      readonly targets: readonly Target[];
      readonly psk: string;
      readonly genesis: Genesis;
      readonly seed: string;
    };

const PROTOCOLS = [SYNC_PROTOCOL, ALIVE_PROTOCOL, GOSSIP_PROTOCOL, '/ipfs/id/1.0.0'];
/** A side that hears rubbish hangs up at once; one that hears nothing does after 10 s, which nobody waits for here. */
const CLOSED_MS = 5_000;
const TRY_MS = 1_500;

const addressOf = ({ host, port, peer }: Target) =>
  multiaddr(`/ip4/${host}/tcp/${port}/p2p/${peerIdOf(peer)?.toString() ?? ''}`);

/** Connections that say nothing, half of something, or rubbish, all at once. */
async function noisy(targets: readonly Target[], connections: number, ms: number) {
  const count = { opened: 0, hungUp: 0 };
  const sockets: Socket[] = [];
  for (const { host, port } of targets) {
    for (let i = 0; i < connections; i++) {
      const socket = connect(port, host);
      sockets.push(socket);
      socket.resume().on('error', () => socket.destroy());
      socket.on('close', () => {
        count.hungUp += 1;
      });
      socket.on('connect', () => {
        count.opened += 1;
        if (i % 4 === 1) socket.write(random(24));
        else if (i % 4 === 2) socket.write(random(50_000));
        else if (i % 4 === 3) socket.end(random(3));
      });
    }
  }
  const began = performance.now();
  while (count.hungUp < sockets.length && performance.now() - began < ms) await sleep(50);
  const answer = { ...count };
  for (const socket of sockets) socket.destroy();
  return answer;
}

const nodeOptions = (key: SigningKey, psk: string) => ({
  privateKey: libp2pKeyOf(key),
  addresses: { listen: [] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionMonitor: { enabled: false },
  connectionProtector: preSharedKey({
    psk: new TextEncoder().encode(`/key/swarm/psk/1.0.0/\n/base16/\n${psk}`),
  }),
});

/** A node that gossips as a member does. */
async function gossiping(key: SigningKey, psk: string, topics: readonly string[]) {
  return await createLibp2p({
    ...nodeOptions(key, psk),
    services: {
      identify: identify(),
      gossip: gossipsub({
        allowPublishToZeroTopicPeers: true,
        floodPublish: true,
        allowedTopics: [...topics],
        scoreParams: { IPColocationFactorWeight: 0 },
      }),
    },
  });
}

/** Undefined when it fails or takes too long: libp2p may wait for ever on a connection that is closed while it negotiates. */
async function within<T>(work: Promise<T>, ms = TRY_MS): Promise<T | undefined> {
  return await Promise.race([work.catch(() => undefined), sleep(ms, undefined)]);
}

/** Tries every protocol on every router; answers those on which it got a stream. */
async function strange(targets: readonly Target[], psk: string): Promise<string[]> {
  const got: string[] = [];
  const stranger = await createLibp2p({
    ...nodeOptions(generateKey(), psk),
    services: { identify: identify() },
  });
  const tries = targets.map(async (target) => {
    for (const protocol of PROTOCOLS) {
      const stream = await within(stranger.dialProtocol(addressOf(target), protocol), 500);
      if (stream !== undefined) got.push(`${target.host} ${stream.protocol}`);
    }
  });
  await Promise.all(tries);
  return got;
}

/** A member gone bad: first it syncs as any, then it lies. Answers what it had learned, and which streams stayed open. */
async function lie(task: Extract<Task, { role: 'member' }>) {
  const verifier = createCrypto();
  const replica = new Replica({ genesis: task.genesis, crypto: verifier });
  const registers = new Registers({ home: replica.home, crypto: verifier, isMember: () => true });
  const topics = topicsOf(replica.home);
  const key = keyFromSeed(fromHex(task.seed) ?? new Uint8Array(0));
  const bad = await gossiping(key, task.psk, Object.values(topics));
  const [target] = task.targets;
  if (target === undefined) throw new Error('no target');
  await bad.handle([ALIVE_PROTOCOL, SYNC_PROTOCOL], (stream) => stream.abort(new Error('no')));

  const honest = new StreamChannel(await stream(bad, target, SYNC_PROTOCOL));
  const signal = AbortSignal.timeout(10_000);
  const { outcome } = await syncSession(honest, { replica, registers, clock: systemClock, signal });
  await honest.close(signal);
  const learned = { outcome, digest: replica.digest, ops: replica.size };

  const stayedOpen: string[] = [];
  const lies = falsehoods(replica, registers, key);
  for (const [what, { protocol, pieces }] of Object.entries(lies.streams)) {
    const one = await stream(bad, target, protocol);
    for (const piece of pieces) if (one.status === 'open') one.send(piece);
    // Gossip reads over what it cannot decode and keeps its stream; ours end.
    if (protocol === GOSSIP_PROTOCOL) await sleep(100);
    else if (!(await closes(one))) stayedOpen.push(what);
    one.abort(new Error('next'));
  }
  for (const other of task.targets) {
    await within(bad.dial(addressOf(other)));
  }
  bad.services.gossip.subscribe(topics.ops);
  bad.services.gossip.subscribe(topics.registers);
  await sleep(500);
  let published = 0;
  for (const [topic, messages] of [
    [topics.ops, lies.ops],
    [topics.registers, lies.registers],
  ] as const) {
    for (const message of messages) {
      const sent = await within(bad.services.gossip.publish(topic, message));
      published += sent?.recipients.length ?? 0;
    }
  }
  await sleep(500);
  return { learned, stayedOpen, published };
}

/** A stream, if need be on another connection: a router closes those on which a member speaks in riddles. */
async function stream(from: Libp2p, to: Target, protocol: string): Promise<Stream> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const found = await within(from.dialProtocol(addressOf(to), protocol));
    if (found !== undefined) return found;
    for (const connection of from.getConnections()) connection.abort(new Error('another one'));
    await sleep(200);
  }
  throw new Error(`no stream for ${protocol}`);
}

async function closes(one: Stream): Promise<boolean> {
  const began = performance.now();
  while (one.status === 'open' && performance.now() - began < CLOSED_MS) await sleep(10);
  return one.status !== 'open';
}

// A connection that is closed in the middle of everything fails in places of libp2p where nobody listens.
for (const event of ['unhandledRejection', 'uncaughtException']) process.on(event, () => undefined);
const task = JSON.parse(process.argv[2] ?? '') as Task;
const run = async (): Promise<unknown> => {
  if (task.role === 'noise') return await noisy(task.targets, task.connections, task.ms);
  return task.role === 'stranger' ? await strange(task.targets, task.psk) : await lie(task);
};
try {
  console.log(JSON.stringify(await run()));
  process.exit(0);
} catch (error) {
  console.error(error);
  process.exit(1);
}
