import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Clock, Timer } from '../../clock.ts';
import { TemporaryError } from '../../errors.ts';
import { canonicalAddress } from '../../policy/address.ts';
import type { Address } from '../../policy/block-set.ts';
import { exchange } from './http-exchange.ts';
import { leaseSeconds, type Method } from './method.ts';
import { addressTowards } from './udp-question.ts';
import {
  type Control,
  controlOf,
  descriptionUrl,
  elementText,
  faultCode,
  faultText,
  order,
  PORT_TAKEN,
  SEARCH,
} from './upnp-text.ts';

const SSDP = { group: '239.255.255.250', port: 1900 };
const SEARCH_AGAIN_MS = 500;
/** A search that nobody has answered by then is over: other protocols have their turn. Milliseconds. */
const SEARCH_MS = 2_500;
const DESCRIPTION = 'Hedgerow';
/** When the port is taken, so many others are tried, of those that nobody has for himself (RFC 6335). */
const OTHER_PORTS = 3;
const DYNAMIC = { first: 49_152, count: 16_384 };

/** UPnP Internet Gateway Device, versions 1 and 2. */
export function upnp(clock: Clock, random: () => number = Math.random): Method {
  const controls = new Map<Address, Control>();
  /** Found anew each time: a gateway that was restarted listens on another port. */
  const find = async (gateway: Address, signal: AbortSignal): Promise<Control> => {
    controls.delete(gateway);
    const location = await search(gateway, clock, signal);
    const { status, text } = await exchange({ url: location, method: 'GET' }, signal);
    const control = status === 200 ? controlOf(text, location, gateway) : undefined;
    if (control === undefined) throw new TemporaryError('it maps no ports over UPnP');
    controls.set(gateway, control);
    return control;
  };
  return {
    name: 'UPnP',
    async map(wish, signal) {
      const control = await find(wish.gateway, signal);
      const internal = await addressTowards(wish.gateway, signal);
      let { externalPort } = wish;
      for (let attempt = 0; ; attempt++) {
        const code = await act(control, 'AddPortMapping', signal, {
          NewRemoteHost: '',
          NewExternalPort: externalPort,
          NewProtocol: 'TCP',
          NewInternalPort: wish.internalPort,
          NewInternalClient: internal,
          NewEnabled: 1,
          NewPortMappingDescription: DESCRIPTION,
          NewLeaseDuration: leaseSeconds(wish.leaseMs),
        }).then(
          () => 0,
          (error) => (error instanceof Fault ? error.code : Promise.reject(error)),
        );
        if (code === 0) break;
        if (code !== PORT_TAKEN || attempt === OTHER_PORTS) throw new TemporaryError(faultText(code));
        externalPort = DYNAMIC.first + Math.floor(random() * DYNAMIC.count);
      }
      const told = elementText(await act(control, 'GetExternalIPAddress', signal), 'NewExternalIPAddress');
      const externalAddress = canonicalAddress(told ?? '');
      if (externalAddress === undefined || externalAddress.includes(':'))
        throw new TemporaryError('it has no address of its own outside');
      return { ...wish, externalPort, externalAddress };
    },
    async unmap({ gateway, externalPort }, signal) {
      const control = controls.get(gateway) ?? (await find(gateway, signal));
      await act(control, 'DeletePortMapping', signal, {
        NewRemoteHost: '',
        NewExternalPort: externalPort,
        NewProtocol: 'TCP',
      });
    },
  };
}

/** The gateway refused. */
class Fault extends TemporaryError {
  readonly code: number;

  constructor(code: number) {
    super(faultText(code));
    this.code = code;
  }
}

/** Does something and answers the envelope. Rejects with a Fault when the gateway refuses. */
async function act(
  { url, service }: Control,
  action: string,
  signal: AbortSignal,
  values: Readonly<Record<string, string | number>> = {},
): Promise<string> {
  const headers = { 'content-type': 'text/xml; charset="utf-8"', soapaction: `"${service}#${action}"` };
  const body = order(service, action, values);
  const { status, text } = await exchange({ url, method: 'POST', headers, body }, signal);
  if (status !== 200) throw new Fault(faultCode(text) || status);
  return text;
}

/** Where the gateway's description is (SSDP). Only the gateway itself is heard. Rejects when it does not answer in time. */
async function search(gateway: Address, clock: Clock, signal: AbortSignal): Promise<URL> {
  const local = await addressTowards(gateway, signal);
  const socket = createSocket('udp4');
  const found = Promise.withResolvers<URL>();
  found.promise.catch(() => undefined);
  const aborted = () => found.reject(signal.reason);
  signal.addEventListener('abort', aborted, { once: true });
  socket.on('error', (error) => found.reject(error));
  socket.on('message', (datagram, { address }) => {
    const url = address === gateway ? descriptionUrl(datagram, gateway) : undefined;
    if (url !== undefined) found.resolve(url);
  });
  const over = clock.after(SEARCH_MS, () =>
    found.reject(new TemporaryError('it does not answer a search for UPnP gateways')),
  );
  let again: Timer | undefined;
  const ask = () => {
    // To the group, as usual, and to the gateway: where multicast does not pass it may still answer.
    for (const host of [SSDP.group, gateway])
      socket.send(SEARCH, SSDP.port, host, (error) => error !== null && found.reject(error));
    again = clock.after(SEARCH_AGAIN_MS, ask);
  };
  try {
    signal.throwIfAborted();
    socket.bind(0, local);
    await Promise.race([once(socket, 'listening', { signal }), found.promise]);
    socket.setMulticastInterface(local);
    ask();
    return await found.promise;
  } finally {
    over.clear();
    again?.clear();
    signal.removeEventListener('abort', aborted);
    socket.close();
  }
}
