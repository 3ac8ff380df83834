import { canonicalAddress } from '../../policy/address.ts';
import type { Address } from '../../policy/block-set.ts';

/**
 * The texts of UPnP that an Internet Gateway Device is found and asked with (UPnP Device Architecture 1.1; WANIPConnection:1 and 2).
 * What a gateway says is read for the few things that are needed, in time that grows with its length, and nothing else of it
 * is believed.
 */

/** Where a gateway takes orders. */
export interface Control {
  readonly url: URL;
  /** The type of its service, which an order names. */
  readonly service: string;
}

/** A search for gateways. Those of the second version answer to the first as well. */
export const SEARCH = [
  'M-SEARCH * HTTP/1.1',
  'HOST: 239.255.255.250:1900',
  'MAN: "ssdp:discover"',
  'MX: 1',
  'ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  '',
  '',
].join('\r\n');

const MAX_ANSWER = 4_096;
/** The service that maps ports; the last one is that of lines with PPP. */
const SERVICE = /^urn:schemas-upnp-org:service:WAN(?:IP|PPP)Connection:[12]$/;

/** Where a gateway's description is, by its answer to a search; undefined when it is none or leads to another host. */
export function descriptionUrl(datagram: Uint8Array, gateway: Address): URL | undefined {
  if (datagram.length > MAX_ANSWER) return undefined;
  const [status = '', ...headers] = Buffer.from(datagram).toString('latin1').split('\r\n');
  if (!/^HTTP\/1\.[01] 200\b/.test(status)) return undefined;
  const location = headers.find((line) => /^location\s*:/i.test(line));
  return location === undefined
    ? undefined
    : urlAt(location.slice(location.indexOf(':') + 1).trim(), gateway);
}

/** Where the gateway takes orders, by its description; undefined when it maps no ports or leads to another host. */
export function controlOf(description: string, base: URL, gateway: Address): Control | undefined {
  for (const block of description.split('<service>').slice(1)) {
    const [inner = ''] = block.split('</service>', 1);
    const service = elementText(inner, 'serviceType') ?? '';
    const path = elementText(inner, 'controlURL');
    const url = path === undefined || !SERVICE.test(service) ? undefined : urlAt(path, gateway, base);
    if (url !== undefined) return { url, service };
  }
  return undefined;
}

/** The order to do something, in a SOAP envelope. The values are numbers and words of ours: nothing to escape. */
export function order(
  service: string,
  action: string,
  values: Readonly<Record<string, string | number>>,
): string {
  const inside = Object.entries(values).map(([name, value]) => `<${name}>${value}</${name}>`);
  return (
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
    `<u:${action} xmlns:u="${service}">${inside.join('')}</u:${action}></s:Body></s:Envelope>`
  );
}

/** The text of the first element of this name, whatever its prefix; undefined when there is none. */
export function elementText(xml: string, name: string): string | undefined {
  const match = new RegExp(`<(?:[A-Za-z0-9_.-]{1,32}:)?${name}(?:\\s[^<>]{0,256})?>([^<>]{0,1024})</`).exec(
    xml,
  );
  return match?.[1]?.trim().replaceAll('&amp;', '&');
}

/** The code of a fault, or 0 when the answer has none that can be read. */
export function faultCode(xml: string): number {
  const code = Number(elementText(xml, 'errorCode') ?? 0);
  return Number.isSafeInteger(code) && code >= 0 ? code : 0;
}

/** Another device has this external port. */
export const PORT_TAKEN = 718;
/** WANIPConnection:1, section 2.4.16, and WANIPConnection:2. */
const FAULTS: Readonly<Record<number, string>> = {
  401: 'it cannot map ports',
  501: 'it failed',
  606: 'it does not allow it',
  718: 'the port is taken',
  725: 'it maps ports for ever only, which is not wanted',
  728: 'it has no ports left',
};

/** What the code of a fault means, in words. */
export const faultText = (code: number): string => FAULTS[code] ?? `it refuses with code ${code}`;

/** Only to the gateway itself, whatever it says: a router must not be sent on errands to others. */
function urlAt(text: string, gateway: Address, base?: URL): URL | undefined {
  const url = URL.parse(text, base?.href);
  if (url === null || url.protocol !== 'http:' || url.username !== '' || url.password !== '')
    return undefined;
  return canonicalAddress(url.hostname) === gateway ? url : undefined;
}
