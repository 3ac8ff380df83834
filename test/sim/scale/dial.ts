import type { Air } from './air.ts';
import type { Machine } from './machine.ts';
import { bytesOf, HANDSHAKE_MESSAGES, type Message } from './messages.ts';
import { TcpEnd } from './tcp.ts';

/** Once a machine has answered, the handshake may take so long, milliseconds (src/p2p/overlay.ts). */
const HANDSHAKE_MS = 5_000;

export type DialFailure = 'refused' | 'silent';

/** One side of a dial. */
export interface DialSide {
  readonly n: number;
  readonly machine: Machine;
  /** The handshake is over. */
  opened(wire: Wire, dialled: boolean): void;
  message(wire: Wire, message: Message): void;
  /** The connection is no more, and why. */
  closed(wire: Wire): void;
}

export interface WireCount {
  packets: number;
  bytes: number;
  messages: number;
}

/** One side's half of a connection: what it says goes through the machine's own TCP. */
export class Wire {
  readonly id: string;
  readonly other: number;
  readonly #end: TcpEnd<Message>;
  readonly #count: WireCount;
  /** Payload in and out, but for keep-alives: what link choice weighs. */
  useful = 0;

  constructor(id: string, side: DialSide, other: DialSide, air: Air, count: WireCount) {
    this.id = id;
    this.other = other.n;
    this.#count = count;
    const receive = (message: Message) => {
      if (message.kind !== 'alive') this.useful += bytesOf(message);
      side.message(this, message);
    };
    const owner = {
      message: (message: Message) => side.machine.do(() => !this.closed && receive(message)),
      reset: () => side.machine.do(() => side.closed(this)),
    };
    this.#end = new TcpEnd(side.n, other.n, air, owner, count);
  }

  join(other: Wire): void {
    this.#end.join(other.#end);
  }

  get closed(): boolean {
    return this.#end.closed;
  }

  send(message: Message): void {
    if (this.closed) return;
    const bytes = bytesOf(message);
    if (message.kind !== 'alive') this.useful += bytes;
    this.#count.messages += 1;
    this.#end.send(message, bytes);
  }

  /** The process is gone; its kernel tells the other side. */
  finish(): void {
    this.#end.finish();
  }

  /** Closes it on this side; the other one hears of it when it can. */
  abort(): void {
    this.#end.abort();
  }
}

/**
 * Dials: a SYN, its answer, and the handshake in messages that go to and fro over the connection. Nothing is drawn here: what
 * loss does to a handshake, it does to its packets.
 * @param deadlineMs the other machine's kernel must have answered by then
 */
export function dial(
  air: Air,
  from: DialSide,
  to: DialSide,
  counts: { readonly from: WireCount; readonly to: WireCount },
  deadlineMs: number,
  ended: (failure: DialFailure | undefined) => void,
): void {
  let over = false;
  let wire: Wire | undefined;
  const end = (why?: DialFailure) => {
    if (over) return;
    over = true;
    timer.clear();
    if (why !== undefined) wire?.abort();
    ended(why);
  };
  let timer = from.machine.after(deadlineMs, () => end('silent'));
  const id = `${from.n}-${to.n}-${air.timeline.monotonic()}`;
  const dialler: DialSide = {
    ...aside(from),
    message(on, message) {
      if (message.kind !== 'handshake') from.message(on, message);
      else if (message.left > 0) on.send({ kind: 'handshake', left: message.left - 1 });
      else {
        end();
        from.opened(on, true);
      }
    },
    closed(on) {
      if (over) from.closed(on);
      else end('refused');
    },
  };
  const listener: DialSide = {
    ...aside(to),
    message(on, message) {
      if (message.kind !== 'handshake') {
        to.message(on, message);
        return;
      }
      on.send({ kind: 'handshake', left: message.left - 1 });
      if (message.left === 1) to.opened(on, false);
    },
  };
  air.carry(from.n, to.n, () => {
    if (to.machine.state === 'gone') {
      air.carry(to.n, from.n, () => from.machine.do(() => end('refused')));
      return;
    }
    const theirs = new Wire(id, listener, from, air, counts.to);
    const ours = new Wire(id, dialler, to, air, counts.from);
    ours.join(theirs);
    theirs.join(ours);
    air.carry(to.n, from.n, () => {
      from.machine.do(() => {
        if (over) return;
        wire = ours;
        timer.clear();
        timer = from.machine.after(HANDSHAKE_MS, () => end('silent'));
        ours.send({ kind: 'handshake', left: HANDSHAKE_MESSAGES - 1 });
      });
    });
  });
}

function aside(side: DialSide): DialSide {
  return {
    n: side.n,
    machine: side.machine,
    opened: (wire, dialled) => side.opened(wire, dialled),
    message: (wire, message) => side.message(wire, message),
    closed: (wire) => side.closed(wire),
  };
}
