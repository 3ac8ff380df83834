/** What one client, and all of them, may cost. */
export interface BrokerLimits {
  readonly clients: number;
  /** The longest message of a client, bytes. */
  readonly publishBytes: number;
  /** The longest of all its other packets, bytes. */
  readonly otherBytes: number;
  readonly subscriptions: number;
  /** Messages of a client a second, and so many at once. */
  readonly publishes: { readonly perSecond: number; readonly burst: number };
  /** Subscribing, unsubscribing and pings: a SUBSCRIBE is answered with all that is retained. */
  readonly asks: { readonly perSecond: number; readonly burst: number };
  /** QoS 2 messages of a client of which it has not confirmed that we have them. */
  readonly inflight: number;
  /** Waiting for a client, bytes: with more than this for `slowSeconds` it is cut off. */
  readonly queuedBytes: number;
  readonly slowSeconds: number;
  /** With more than this waiting it is cut off at once. */
  readonly mostQueuedBytes: number;
  readonly mostQueuedMessages: number;
  /** Topics that are kept, of all that the agent tells. */
  readonly retained: number;
  /** Until CONNECT has come, milliseconds. */
  readonly connectMs: number;
  /** A client that takes nothing at all for so long is cut off, however little waits, milliseconds. */
  readonly drainMs: number;
  /** The longest keep-alive that is granted, seconds: after one and a half of it a silent client is gone. */
  readonly keepaliveSeconds: number;
}

export const BROKER_LIMITS: BrokerLimits = {
  clients: 200,
  publishBytes: 64 * 1024,
  otherBytes: 8 * 1024,
  subscriptions: 64,
  publishes: { perSecond: 20, burst: 100 },
  asks: { perSecond: 5, burst: 64 },
  inflight: 20,
  queuedBytes: 256 * 1024,
  slowSeconds: 10,
  mostQueuedBytes: 2 * 1024 * 1024,
  mostQueuedMessages: 5_000,
  retained: 50_000,
  connectMs: 10_000,
  drainMs: 30_000,
  keepaliveSeconds: 3_600,
};
