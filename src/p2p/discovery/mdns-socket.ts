import { createSocket, type Socket } from 'node:dgram';

/** RFC 6762, section 3. */
const PORT = 5353;
const GROUP = { 4: '224.0.0.251', 6: 'ff02::fb' } as const;

/** Where to speak multicast DNS. */
export interface SocketPlace {
  /** Name of the interface. */
  readonly name: string;
  readonly family: 4 | 6;
  /** An address of that interface. */
  readonly address: string;
}

export interface SocketEars {
  /** A datagram to the group. The source of an IPv6 one has its zone (`fe80::1%eth0`). */
  readonly heard: (datagram: Uint8Array, source: string) => void;
  /** It no longer works; it is closed already. */
  readonly failed: (error: Error) => void;
}

export interface MdnsSocket {
  /** Says something to the group. Rejects when the system refuses to send it. */
  send(datagram: Uint8Array): Promise<void>;
  /** At once; nothing is heard any more. */
  close(): void;
}

export type OpenMdns = (place: SocketPlace, ears: SocketEars, signal: AbortSignal) => Promise<MdnsSocket>;

/**
 * Opens a socket of multicast DNS on one interface, beside those of other programs. Rejects when the port is taken for
 * itself by somebody or the interface does no multicast. IPv4: the kernel hands it what comes over other interfaces too (Node
 * cannot turn IP_MULTICAST_ALL off), so whoever listens looks at the source; IPv6: bound to the group in the interface's zone,
 * it hears that interface alone (both measured).
 */
export const openMdns: OpenMdns = async ({ name, family, address }, ears, signal) => {
  const group = GROUP[family];
  const socket = createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    reuseAddr: true,
    ipv6Only: family === 6,
  });
  const local = family === 4 ? address : `::%${name}`;
  try {
    await bound(socket, family === 4 ? group : `${group}%${name}`, signal);
    socket.addMembership(group, local);
    socket.setMulticastInterface(local);
    socket.setMulticastTTL(255);
  } catch (error) {
    socket.close();
    throw error;
  }
  let open = true;
  const close = () => {
    if (open) socket.close();
    open = false;
  };
  socket.on('error', (error) => {
    close();
    ears.failed(error);
  });
  socket.on('message', (datagram, { address: source }) => {
    if (open) ears.heard(datagram, source);
  });
  socket.unref();
  return {
    send: (datagram) =>
      new Promise((resolve, reject) => {
        if (!open) reject(new Error('the socket is closed'));
        else socket.send(datagram, PORT, group, (error) => (error === null ? resolve() : reject(error)));
      }),
    close,
  };
};

function bound(socket: Socket, address: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    socket.once('error', reject);
    socket.bind({ port: PORT, address, exclusive: true }, () => {
      socket.off('error', reject);
      signal.removeEventListener('abort', aborted);
      resolve();
    });
  });
}
