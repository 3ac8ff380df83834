import { createSocket, type Socket } from 'node:dgram';
import type { Clock, Timer } from '../../clock.ts';
import { messageOf, TemporaryError } from '../../errors.ts';
import type { Decoded } from '../wire.ts';

/** The first pause before a question is asked again; each one doubles (RFC 6886, section 3.1). Milliseconds. */
const AGAIN_MS = 250;

export interface UdpQuestion<T> {
  readonly host: string;
  readonly port: number;
  /** The question, as it is asked from this address of ours. */
  readonly bytes: (localAddress: string) => Uint8Array;
  /** Anything that is no answer is ignored. */
  readonly read: (datagram: Uint8Array) => Decoded<T>;
  readonly clock: Clock;
}

/**
 * Asks one host over UDP until it answers; the system drops what comes from anybody else. Rejects when the signal aborts or the
 * host says that nobody listens there.
 */
export async function askUdp<T>(
  { host, port, bytes, read, clock }: UdpQuestion<T>,
  signal: AbortSignal,
): Promise<T> {
  const socket = createSocket('udp4');
  const answered = Promise.withResolvers<T>();
  // It may fail before anybody waits for the answer.
  answered.promise.catch(() => undefined);
  const aborted = () => answered.reject(signal.reason);
  signal.addEventListener('abort', aborted, { once: true });
  socket.on('error', (error) => answered.reject(error));
  socket.on('message', (datagram) => {
    const answer = read(datagram);
    if (answer.ok) answered.resolve(answer.value);
  });
  let timer: Timer | undefined;
  try {
    signal.throwIfAborted();
    await Promise.race([connected(socket, host, port), answered.promise]);
    const question = bytes(socket.address().address);
    const say = (pause: number) => {
      socket.send(question, (error) => error !== null && answered.reject(error));
      timer = clock.after(pause, () => say(pause * 2));
    };
    say(AGAIN_MS);
    return await answered.promise;
  } catch (error) {
    signal.throwIfAborted();
    throw new TemporaryError(`nobody answers on UDP port ${port}: ${messageOf(error)}`, { cause: error });
  } finally {
    timer?.clear();
    signal.removeEventListener('abort', aborted);
    socket.close();
  }
}

/** The address of ours from which this host is reached. Rejects when there is no way. */
export async function addressTowards(host: string, signal: AbortSignal): Promise<string> {
  const socket = createSocket('udp4');
  try {
    signal.throwIfAborted();
    // Nothing is sent and nothing waited for: the system looks the route up.
    await connected(socket, host, 9);
    return socket.address().address;
  } finally {
    socket.close();
  }
}

function connected(socket: Socket, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve();
    });
    socket.connect(port, host);
  });
}
