import { describe, expect, it } from 'vitest';
import {
  controlOf,
  descriptionUrl,
  elementText,
  faultCode,
  faultText,
  order,
} from '../../../../src/p2p/port-mapping/upnp-text.ts';
import { DESCRIPTION, FAULT, SEARCH_ANSWER } from './gateway-texts.ts';

const GATEWAY = '192.168.9.1';
const base = new URL(`http://${GATEWAY}:5000/rootDesc.xml`);
const at = (location: string) =>
  descriptionUrl(Buffer.from(`HTTP/1.1 200 OK\r\nlocation: ${location}\r\n\r\n`), GATEWAY)?.href;

describe('the answer to a search', () => {
  it('leads to the description', () => {
    expect(descriptionUrl(Buffer.from(SEARCH_ANSWER), GATEWAY)?.href).toBe(base.href);
  });

  it.each([
    'http://192.168.9.2:5000/rootDesc.xml',
    'http://example.org/rootDesc.xml',
    'http://admin:secret@192.168.9.1/rootDesc.xml',
    'https://192.168.9.1/rootDesc.xml',
    'file:///etc/passwd',
    '',
  ])('leads to nobody but the gateway: %s', (location) => {
    expect(at(location)).toBeUndefined();
  });

  it.each([
    'NOTIFY * HTTP/1.1\r\nLOCATION: http://192.168.9.1/\r\n\r\n',
    'HTTP/1.1 200 OK\r\n\r\n',
    '',
    '\r\n',
  ])('that is none leads nowhere: %j', (text) => {
    expect(descriptionUrl(Buffer.from(text), GATEWAY)).toBeUndefined();
  });
});

describe('a description', () => {
  it('tells where ports are mapped', () => {
    const control = controlOf(DESCRIPTION, base, GATEWAY);
    expect(control?.url.href).toBe(`http://${GATEWAY}:5000/ctl/IPConn`);
    expect(control?.service).toBe('urn:schemas-upnp-org:service:WANIPConnection:2');
  });

  it('of a gateway that maps no ports, or has it done elsewhere, tells nothing', () => {
    expect(controlOf(DESCRIPTION.replace('WANIPConnection', 'WANCommon'), base, GATEWAY)).toBeUndefined();
    const elsewhere = DESCRIPTION.replace('/ctl/IPConn', 'http://10.0.0.1/ctl');
    expect(controlOf(elsewhere, base, GATEWAY)).toBeUndefined();
    expect(controlOf('', base, GATEWAY)).toBeUndefined();
  });
});

describe('an order and its answer', () => {
  it('are plain envelopes', () => {
    const text = order('urn:x:1', 'AddPortMapping', { NewExternalPort: 4411, NewRemoteHost: '' });
    expect(text).toContain(
      '<u:AddPortMapping xmlns:u="urn:x:1"><NewExternalPort>4411</NewExternalPort><NewRemoteHost></NewRemoteHost>',
    );
    expect(
      elementText('<a:NewExternalIPAddress> 5.5.5.1\n</a:NewExternalIPAddress>', 'NewExternalIPAddress'),
    ).toBe('5.5.5.1');
    expect(elementText('<Other>1</Other>', 'NewExternalIPAddress')).toBeUndefined();
  });

  it('say in words why the gateway refuses', () => {
    expect(faultText(faultCode(FAULT))).toBe('the port is taken');
    expect(faultText(725)).toMatch(/for ever/);
    expect(faultText(599)).toBe('it refuses with code 599');
    expect(faultCode('<errorCode>x</errorCode>')).toBe(0);
  });
});
