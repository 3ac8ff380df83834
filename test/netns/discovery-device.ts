/**
 * A device on the LAN that lies: `discovery-device.ts ADDRESS`. It sends rubbish to the group of multicast DNS, and of
 * whatever it hears there forged copies, spoilt copies, and goodbyes. Prints how many when its input ends.
 */
import { createSocket } from 'node:dgram';
import { decode, encode } from 'dns-packet';
import { Spoiler } from '../property/spoil.ts';

const GROUP = '224.0.0.251';
const [address = ''] = process.argv.slice(2).map((text) => JSON.parse(text) as string);
const spoiler = new Spoiler(7);
const socket = createSocket({ type: 'udp4', reuseAddr: true });
const heard: Buffer[] = [];
let sent = 0;

const send = (bytes: Uint8Array) => {
  sent += 1;
  socket.send(bytes, 5353, GROUP, (error) => error !== null && console.error(error));
};

/** The same answer with other contents, and as a goodbye. */
function lies(datagram: Buffer): Buffer[] {
  const message = decode(datagram);
  const answers = message.answers ?? [];
  const ownWords = answers.map((one) =>
    one.type === 'TXT' ? { ...one, data: [Buffer.alloc(120, 7)] } : one,
  );
  const goodbyes = answers.map((one) => (one.type === 'TXT' ? { ...one, ttl: 0 } : one));
  return [encode({ ...message, answers: ownWords }), encode({ ...message, answers: goodbyes })];
}

socket.on('message', (datagram, { address: from }) => {
  if (from !== address && heard.length < 50) heard.push(datagram);
});
socket.bind(5353, GROUP, () => {
  socket.addMembership(GROUP, address);
  socket.setMulticastInterface(address);
  setInterval(() => {
    for (let i = 0; i < 20; i++) {
      send(Buffer.from(Array.from({ length: spoiler.number(300) }, () => spoiler.number(256))));
      if (heard.length > 0) send(spoiler.bytes(heard));
    }
    for (const datagram of heard.slice(0, 10)) for (const lie of lies(datagram)) send(lie);
  }, 50);
});
process.stdin.resume();
process.stdin.once('end', () => {
  console.log(JSON.stringify({ sent, heard: heard.length }));
  process.exit(0);
});
