/** What a client may use. Milliseconds and bytes. */
export interface HttpLimits {
  /** For the headers of a request to come, all of them. */
  readonly headersMs: number;
  /** For a request to come, with its body. */
  readonly requestMs: number;
  /** Between two requests on one connection. */
  readonly keepAliveMs: number;
  /** Without a byte either way while an answer is awaited or read. */
  readonly silentMs: number;
  /** For an answer to be made. */
  readonly answerMs: number;
  readonly headerBytes: number;
  readonly bodyBytes: number;
  readonly requestsPerConnection: number;
  /** From one address (IPv6: one /64). */
  readonly requestsPerMinute: number;
  /** Commands and views that are being answered, of all clients. */
  readonly openRequests: number;
  /** How often it is looked whether who holds a WebSocket still may. */
  readonly lookEveryMs: number;
}

export const HTTP_LIMITS: HttpLimits = {
  headersMs: 10_000,
  requestMs: 20_000,
  keepAliveMs: 30_000,
  silentMs: 60_000,
  answerMs: 120_000,
  headerBytes: 16 * 1024,
  bodyBytes: 256 * 1024,
  requestsPerConnection: 1_000,
  requestsPerMinute: 600,
  openRequests: 64,
  lookEveryMs: 5_000,
};
