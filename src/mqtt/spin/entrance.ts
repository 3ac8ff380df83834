import type { Clock } from '../../clock.ts';
import type { Entrance } from '../../control/doorway.ts';
import { MAX_REQUEST, type SpinRpc } from './rpc.ts';

/** Who changed something through the socket without saying who it is. */
const BY = 'spin';
/** A client that has not said its request by then is cut off; milliseconds. The others never wait for it. */
const REQUEST_MS = 30_000;
/** And one that has not taken its answer by then. */
const ANSWER_MS = 10_000;

/**
 * SPIN's unix socket: one request per connection. SPIN's clients neither end a request with a new line nor close their side
 * before the answer, so it is over with the brace that closes it.
 */
export function spinEntrance(rpc: SpinRpc, clock: Clock): Entrance {
  return (socket, connection) => {
    const request = new RequestReader();
    const deadline = clock.after(REQUEST_MS, () => socket.destroy());
    let answered = false;
    const answer = async (text: string): Promise<void> => {
      if (answered) return;
      answered = true;
      deadline.clear();
      connection.state = 'answering';
      // Whatever else it says goes by unread.
      socket.off('data', read).resume();
      const response = await rpc(text, BY);
      const late = clock.after(ANSWER_MS, () => socket.destroy());
      socket.once('close', () => late.clear());
      socket.end(response === '' ? '' : `${response}\n`);
    };
    const read = (bytes: Buffer): void => {
      if (request.push(bytes)) void answer(request.text);
    };
    connection.purpose = 'request';
    connection.state = 'idle';
    // A client that closes its side after the request still wants the answer.
    socket.allowHalfOpen = true;
    socket.once('close', () => deadline.clear());
    socket.once('end', () => void answer(request.text));
    socket.on('data', read);
  };
}

/** Reads until a JSON object ends, or what cannot be one is longer than any request. */
export class RequestReader {
  readonly #decoder = new TextDecoder();
  #text = '';
  #depth = 0;
  #inString = false;
  #escaped = false;
  #ended = false;

  /** What came so far; once it has ended without what came behind it. */
  get text(): string {
    return this.#text;
  }

  /** Takes more; true once the request has ended. */
  push(bytes: Uint8Array): boolean {
    if (this.#ended) return true;
    const more = this.#decoder.decode(bytes, { stream: true });
    const from = this.#text.length;
    this.#text += more;
    for (let at = from; at < this.#text.length && !this.#ended; at++) this.#step(this.#text[at] ?? '', at);
    if (this.#text.length > MAX_REQUEST) this.#ended = true;
    return this.#ended;
  }

  #step(char: string, at: number): void {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (char === '\\') this.#escaped = true;
      else if (char === '"') this.#inString = false;
      return;
    }
    if (char === '"') this.#inString = true;
    else if (char === '{' || char === '[') this.#depth += 1;
    else if (char === '}' || char === ']') this.#depth -= 1;
    // It ends when the object closes, so that blanks outside stand before it.
    if (this.#depth > 0 || /\s/.test(char)) return;
    // Closed, or something that is no object at all.
    this.#ended = true;
    this.#text = this.#text.slice(0, at + 1);
  }
}
