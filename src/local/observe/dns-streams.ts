import { u16 } from './bytes.ts';
import type { TcpFrame } from './frame.ts';
import { TcpStreams } from './tcp-streams.ts';

/** The DNS messages in TCP streams, each with its length before it (RFC 1035, 4.2.2). */
export class DnsStreams {
  readonly #streams = new TcpStreams();
  readonly counters = this.#streams.counters;

  /**
   * The messages that are complete with this segment, and the beginning of one whose end will not come: it can be read as far
   * as it goes. Valid until the call returns.
   */
  take(frame: TcpFrame): Uint8Array[] {
    const got = this.#streams.take(frame);
    if (got === undefined) return [];
    const { bytes } = got;
    const messages: Uint8Array[] = [];
    let at = 0;
    while (at + 2 <= bytes.length) {
      const end = at + 2 + u16(bytes, at);
      if (end > bytes.length) break;
      if (end > at + 2) messages.push(bytes.subarray(at + 2, end));
      at = end;
    }
    const rest = bytes.subarray(at);
    const isCut = got.lost || !this.#streams.keep(frame, rest);
    if (isCut && rest.length > 2) messages.push(rest.subarray(2));
    return messages;
  }
}
