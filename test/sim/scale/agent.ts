import type { AliveFrame } from '../../../src/p2p/alive/alive-wire.ts';
import { Liveness, TICK_MS } from '../../../src/p2p/alive/liveness.ts';
import { DEFAULT_TOLERANCE_MS, PAIR_TOLERANCE_MS } from '../../../src/p2p/alive/tolerances.ts';
import { OpenConnections } from '../../../src/p2p/links/connections.ts';
import type { PeerKey } from '../../../src/policy/crypto.ts';
import type { Op } from '../../../src/policy/op.ts';
import type { OpId, Record } from '../../../src/policy/records.ts';
import { Registers } from '../../../src/policy/registers.ts';
import type { Replica } from '../../../src/policy/replica.ts';
import { quickCrypto as crypto } from '../quick-crypto.ts';
import type { AgentOptions } from './agent-options.ts';
import { ChosenLinks } from './chosen-links.ts';
import { type DialFailure, type DialSide, dial, type Wire, type WireCount } from './dial.ts';
import { Dialling } from './dialling.ts';
import { Kernel } from './kernel.ts';
import { Machine } from './machine.ts';
import { HEARTBEAT_MS, Mesh } from './mesh.ts';
import type { Message } from './messages.ts';
import { Speaking } from './speaking.ts';
import { Syncing } from './syncing.ts';
import { Told } from './told.ts';

/** Verifying an op and handing it on costs a busy core so long, milliseconds (src/p2p/floods.ts). */
const RELAY_MS = 3;

/** One agent: the real replica, liveness, link choice and sync sessions; streams, gossip and dialling are models. */
export class SimAgent implements DialSide {
  readonly n: number;
  readonly peer: PeerKey;
  readonly replica: Replica;
  readonly machine: Machine;
  readonly liveness: Liveness;
  readonly count: WireCount = { packets: 0, bytes: 0, messages: 0 };
  readonly wires = new Map<PeerKey, Wire>();
  readonly #options: AgentOptions;
  readonly #open: OpenConnections<{ id: string; direction: 'inbound' | 'outbound'; wire: Wire }>;
  readonly #links: ChosenLinks;
  readonly #mesh: Mesh;
  readonly #speaking: Speaking;
  readonly #syncing: Syncing;
  readonly #dialling: Dialling;
  readonly #told: Told;
  readonly #kernel: Kernel;
  sessions = 0;

  constructor(options: AgentOptions) {
    const { n, key, replica, others, air, random, settings } = options;
    const { timeline } = air;
    this.#options = options;
    this.n = n;
    this.peer = key.peer;
    this.replica = replica;
    const machine = new Machine(timeline);
    this.machine = machine;
    this.liveness = new Liveness(machine, { boot: () => machine.boot() });
    this.liveness.toleranceMs = others.length < 2 ? PAIR_TOLERANCE_MS : DEFAULT_TOLERANCE_MS;
    this.liveness.members(settings.witnesses ? others : []);
    this.#told = new Told(machine, this.liveness, replica);
    this.#open = new OpenConnections(key.peer);
    const ageOf = (peer: PeerKey) => this.#open.ageOf(peer, machine.monotonic());
    const { liveness, wires } = this;
    const unanswered = (peer: PeerKey) => this.#dialling.unanswered(peer);
    this.#links = new ChosenLinks({ ...settings, others, liveness, wires, ageOf, unanswered, random });
    this.#mesh = new Mesh(random, () => wires);
    const registers = new Registers({
      home: replica.home,
      crypto,
      isMember: (peer) => replica.isMember(peer),
    });
    this.#speaking = new Speaking({
      self: key.peer,
      clock: machine,
      liveness,
      replica,
      registersDigest: registers.digest,
      knowledge: (peer, told) => this.#told.knowledge(peer, told),
      onFrame: (peer, frame) => this.#framed(peer, frame),
    });
    const digest = () => replica.digest;
    this.#kernel = new Kernel(machine, digest, (applied) => this.#speaking.sayApplied(applied));
    this.#syncing = new Syncing({
      self: key.peer,
      replica,
      registers,
      clock: machine,
      unsettled: () => timeline.unsettled(),
      wireTo: (peer) => wires.get(peer),
      equal: (peer) => this.#told.equal(peer),
      late: (peer) => this.#told.late(peer),
      onDone: (_, { opsIn }) => {
        this.sessions += 1;
        if (opsIn > 0) this.#speaking.sayNow();
      },
    });
    this.#dialling = new Dialling({
      self: key.peer,
      random,
      target: settings.target,
      dial: (peer, deadlineMs, ended) => this.#dial(peer, deadlineMs, ended),
    });
  }

  /** Everything begins with a random part of its period. */
  start(): void {
    const { random, settings } = this.#options;
    this.#every(TICK_MS, random.next() * TICK_MS, () => this.#tick());
    this.#every(settings.lookMs, random.next() * settings.lookMs, () => this.#look());
    this.#every(HEARTBEAT_MS, random.next() * HEARTBEAT_MS, () => this.#mesh.heartbeat());
  }

  /** SIGKILL: the kernel closes what the process had open. */
  kill(): void {
    this.machine.become('gone');
    for (const wire of this.wires.values()) wire.finish();
    this.wires.clear();
  }

  /** As a command does it. */
  write(record: Record): Op {
    const { key } = this.#options;
    const draft = { at: this.machine.now(), by: 'simulation', over: [], add: [record] };
    const op = this.replica.author(key, this.peer.slice(0, 32), draft);
    this.#mesh.news(op.envelope);
    this.#mesh.publish(op.envelope);
    this.#speaking.saySoon();
    return op;
  }

  /** To be called with every op that is admitted here, by whichever way. */
  admitted(op: Op): void {
    this.#kernel.admitted(op.id);
  }

  /** Whether it knows that another has an op in its kernel. */
  knowsApplied(peer: PeerKey, op: OpId): boolean {
    return this.#told.has(peer, op);
  }

  opened(wire: Wire, dialled: boolean): void {
    const peer = this.#options.peerOf(wire.other);
    const now = this.machine.monotonic();
    const candidate = {
      id: wire.id,
      direction: dialled ? ('outbound' as const) : ('inbound' as const),
      wire,
    };
    const superfluous = this.#open.opened(peer, candidate, now);
    for (const other of superfluous) {
      other.wire.abort();
      this.#speaking.closed(other.wire);
    }
    if (superfluous.includes(candidate)) return;
    this.wires.set(peer, wire);
    this.#links.changed(peer);
    this.#dialling.met(peer);
    this.liveness.heard(peer);
    this.#speaking.opened(peer, wire);
    this.#mesh.opened(peer);
    this.#syncing.opened(peer, dialled);
  }

  message(wire: Wire, message: Message): void {
    const peer = this.#options.peerOf(wire.other);
    this.liveness.heard(peer);
    switch (message.kind) {
      case 'alive':
        this.#speaking.received(peer, wire, message.frame);
        return;
      case 'gossip':
        if (this.#mesh.news(message.op)) this.machine.after(RELAY_MS, () => this.#admit(peer, message.op));
        return;
      case 'mesh':
        this.#mesh.told(peer, message.graft);
        return;
      case 'sync':
        this.#syncing.message(peer, wire, message.session, message.bytes);
        return;
      case 'parting':
        this.#links.parted(peer, this.machine.monotonic());
        this.liveness.released(peer);
        return;
      case 'handshake':
    }
  }

  closed(wire: Wire): void {
    const peer = this.#options.peerOf(wire.other);
    const now = this.machine.monotonic();
    this.#speaking.closed(wire);
    const candidate = { id: wire.id, direction: 'inbound' as const, wire };
    if (!this.#open.closed(peer, candidate)) return;
    this.wires.delete(peer);
    this.#links.changed(peer);
    this.liveness.lost(peer);
    this.#speaking.saySoon();
    this.#mesh.closed(peer);
    this.#syncing.closed(peer);
    this.#dialling.lost(peer, now);
  }

  #tick(): void {
    const { found, settings } = this.#options;
    const { suspect, down, silent } = this.liveness.tick();
    for (const peer of suspect) {
      found('suspect', peer);
      if (!settings.secondLook || !this.wires.has(peer)) continue;
      this.#links.suspect(peer);
      this.#dialling.retry(peer);
    }
    if (suspect.length > 0) this.#speaking.sayNow();
    for (const peer of silent) {
      found('silent', peer);
      this.#close(peer);
    }
    for (const peer of down) {
      found('down', peer);
      this.#told.down(peer);
    }
    this.#speaking.tick();
    this.#dialling.tick(this.machine.monotonic(), this.#links.wishes());
  }

  #look(): void {
    for (const peer of this.#links.look(this.machine.monotonic())) {
      this.wires.get(peer)?.send({ kind: 'parting' });
      this.liveness.released(peer);
      this.#close(peer);
    }
    for (const peer of this.#links.unsought()) this.liveness.released(peer);
  }

  #close(peer: PeerKey): void {
    const wire = this.wires.get(peer);
    if (wire === undefined) return;
    wire.abort();
    this.closed(wire);
  }

  #dial(peer: PeerKey, deadlineMs: number, ended: (failure: DialFailure | undefined) => void): void {
    const { air, sideOf, found } = this.#options;
    const other = sideOf(peer);
    if (other === undefined) return;
    const refused = (failure: DialFailure | undefined) => {
      ended(failure);
      if (failure !== 'refused' || this.wires.has(peer) || !this.liveness.refused(peer)) return;
      found('suspect', peer);
      this.#speaking.sayNow();
    };
    dial(air, this, other, { from: this.count, to: other.count }, deadlineMs, refused);
  }

  #framed(peer: PeerKey, frame: AliveFrame): void {
    const { settings } = this.#options;
    if (this.#told.frame(peer, frame)) this.#speaking.news(peer, frame.applied.recent);
    if (settings.witnesses) this.#told.witness(peer, frame.about, (third) => this.#speaks(third));
    if (this.#told.equal(peer) === true) this.#syncing.equals(peer);
    else this.#syncing.differs(peer);
  }

  /** It does not need others to speak for it. */
  #speaks(peer: PeerKey): boolean {
    return peer === this.peer || (this.wires.has(peer) && this.liveness.of(peer).state === 'alive');
  }

  #admit(from: PeerKey, op: Uint8Array): void {
    const { verdict } = this.replica.admit(op);
    if (verdict === 'ok') this.#mesh.forward(op, from);
    else if (verdict === 'gap' || verdict === 'stranger') this.#syncing.behind(from);
  }

  #every(ms: number, first: number, run: () => void): void {
    this.machine.after(first, () => {
      run();
      this.#every(ms, ms, run);
    });
  }
}
