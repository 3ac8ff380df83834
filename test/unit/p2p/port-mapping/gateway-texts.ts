/** What a gateway says, in the form of miniupnpd 2.3.1 (Debian 12), shortened. */

export const SEARCH_ANSWER = [
  'HTTP/1.1 200 OK',
  'CACHE-CONTROL: max-age=120',
  'ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  'USN: uuid:744ed73d-1202-4610-8fda-a6df5df90d8a::urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  'EXT:',
  'SERVER: Debian UPnP/1.1 MiniUPnPd/2.3.1',
  'LOCATION: http://192.168.9.1:5000/rootDesc.xml',
  '',
  '',
].join('\r\n');

const service = (type: string, name: string) =>
  `<service><serviceType>urn:schemas-upnp-org:service:${type}</serviceType><serviceId>urn:upnp-org:serviceId:${name}</serviceId>` +
  `<SCPDURL>/${name}.xml</SCPDURL><controlURL>/ctl/${name}</controlURL><eventSubURL>/evt/${name}</eventSubURL></service>`;

export const DESCRIPTION = `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>1</minor></specVersion><device>
<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:2</deviceType><serviceList>${service('Layer3Forwarding:1', 'L3F')}</serviceList>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:2</deviceType><deviceList><device><serviceList>
${service('WANIPConnection:2', 'IPConn')}${service('WANIPv6FirewallControl:1', 'IP6FCtl')}
</serviceList></device></deviceList></device></deviceList></device></root>`;

export const FAULT = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Client</faultcode>
<faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>718</errorCode>
<errorDescription>ConflictInMappingEntry</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>`;
