/** What the broker has counted since it was loaded. */
export interface BrokerCounts {
  /** Connected now. */
  clients: number;
  /** Topics that are kept now. */
  retained: number;
  /** Messages of clients that were taken, and messages written to clients. */
  received: number;
  sent: number;
  /** Logins that were refused: wrong password, or nothing allowed without one. */
  refused: number;
  /** Connections that found no place, and those that were ended so that others found one. */
  tooMany: number;
  gaveWay: number;
  /** Messages and subscriptions of clients that they had no right to, or no room for; the client stays. */
  deniedPublishes: number;
  deniedSubscriptions: number;
  /** Clients that were cut off, by why: they took too little, or sent too much or rubbish. */
  cutSlow: number;
  cutFast: number;
  cutMalformed: number;
}

export function noCounts(): BrokerCounts {
  return {
    clients: 0,
    retained: 0,
    received: 0,
    sent: 0,
    refused: 0,
    tooMany: 0,
    gaveWay: 0,
    deniedPublishes: 0,
    deniedSubscriptions: 0,
    cutSlow: 0,
    cutFast: 0,
    cutMalformed: 0,
  };
}
