import type { Connection } from '@libp2p/interface';

/**
 * Ends a connection at once. libp2p throws where the stream beneath is closed already and the connection does not know it yet: then
 * there is nothing left to end, and the agent must not end of it.
 */
export function hangUp(connection: Pick<Connection, 'abort'>, reason: string): void {
  try {
    connection.abort(new Error(reason));
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'StreamStateError') throw error;
  }
}
