/** A message on its way to a broker. */
export interface Outgoing {
  readonly topic: string;
  readonly payload: string;
  readonly retain: boolean;
  /** 1: the broker confirms that it has it. */
  readonly qos: 0 | 1;
}

/** What may wait at most, for the broker to take it. */
export interface OutgoingLimits {
  readonly bytes: number;
  readonly messages: number;
}

/**
 * Messages on their way, in order: of those that the broker confirms only so many are under way at once (MQTT 5, 4.9), and
 * what follows waits behind them. What there is no room for is refused.
 */
export class OutgoingQueue {
  readonly #limits: OutgoingLimits;
  readonly #send: (message: Outgoing, confirmed: () => void) => void;
  #waiting: Outgoing[] = [];
  #bytes = 0;
  #underWay = 0;
  #window = 0;
  #pumping = false;
  /** Another number after every reset: what is confirmed late belongs to an older connection. */
  #run = 0;

  /** @param send hands a message to the broker; for QoS 1 `confirmed` is called once, with whatever came of it */
  constructor(limits: OutgoingLimits, send: (message: Outgoing, confirmed: () => void) => void) {
    this.#limits = limits;
    this.#send = send;
  }

  /** Bytes that wait or are not confirmed. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A new connection, with nothing waiting. @param window how many unconfirmed messages the broker takes */
  reset(window: number): void {
    this.#run += 1;
    this.#waiting = [];
    this.#bytes = 0;
    this.#underWay = 0;
    this.#window = window;
  }

  /** @param alreadyOut bytes that wait in the socket. @returns false when there is no room */
  push(message: Outgoing, alreadyOut: number): boolean {
    const size = sizeOf(message);
    if (this.#bytes + alreadyOut + size > this.#limits.bytes && this.#bytes + alreadyOut > 0) return false;
    if (this.#waiting.length >= this.#limits.messages) return false;
    this.#bytes += size;
    this.#waiting.push(message);
    this.#pump();
    return true;
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    for (let head = this.#waiting[0]; head !== undefined; head = this.#waiting[0]) {
      if (head.qos === 1 && this.#underWay >= this.#window) break;
      this.#waiting.shift();
      this.#sendOne(head);
    }
    this.#pumping = false;
  }

  #sendOne(message: Outgoing): void {
    const run = this.#run;
    if (message.qos === 1) this.#underWay += 1;
    else this.#bytes -= sizeOf(message);
    let open = message.qos === 1;
    this.#send(message, () => {
      if (!open || run !== this.#run) return;
      open = false;
      this.#underWay -= 1;
      this.#bytes -= sizeOf(message);
      this.#pump();
    });
  }
}

/** About: UTF-8 has at most thrice as many bytes as this. */
function sizeOf({ topic, payload }: Outgoing): number {
  return topic.length + payload.length + 8;
}
