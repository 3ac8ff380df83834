import { expect, test } from 'vitest';
import { CaptureReader } from '../../../../src/local/observe/capture-reader.ts';
import { HelloStreams, parseClientHello } from '../../../../src/local/observe/client-hello.ts';
import { parseFrame, type TcpFrame } from '../../../../src/local/observe/frame.ts';
import { fixtureBytes } from './fixture.ts';

/** The segments of the fixture, with bytes of their own. */
const segments: TcpFrame[] = [];
new CaptureReader(({ bytes, linkType }) => {
  const frame = parseFrame(bytes, linkType);
  if (typeof frame !== 'string' && frame.kind === 'tcp') {
    segments.push({ ...frame, payload: Uint8Array.from(frame.payload) });
  }
}).push(fixtureBytes('capture/tls-clienthello.pcap'));
const [hello] = segments;
if (hello === undefined) throw new Error('the fixture has no ClientHello');
const record = hello.payload;
const NAME = { domain: 'video.example.test' };

const part = (from: number, to?: number): TcpFrame => ({
  ...hello,
  seq: (hello.seq + from) >>> 0,
  payload: record.subarray(from, to),
});

/** A ClientHello with these extensions, in records of so many bytes. */
function clientHello(
  extensions: readonly (readonly [type: number, data: number[]])[],
  size = 65_535,
): Uint8Array {
  const word = (value: number) => [value >> 8, value & 255];
  const list = extensions.flatMap(([type, data]) => [...word(type), ...word(data.length), ...data]);
  const body = [
    3,
    3,
    ...new Array<number>(32).fill(7),
    0,
    0,
    2,
    0x13,
    1,
    1,
    0,
    ...word(list.length),
    ...list,
  ];
  const message = [1, 0, ...word(body.length), ...body];
  const records: number[] = [];
  for (let at = 0; at < message.length; at += size) {
    const piece = message.slice(at, at + size);
    records.push(22, 3, 1, ...word(piece.length), ...piece);
  }
  return Uint8Array.from(records);
}

const named = (name: string): readonly [number, number[]] => {
  const text = [...Buffer.from(name, 'latin1')];
  return [0, [0, text.length + 3, 0, 0, text.length, ...text]];
};

test('the name, wherever it stands', () => {
  expect(parseClientHello(record)).toEqual(NAME);
  expect(parseClientHello(clientHello([[43, [2, 3, 4]], named('Cam.Example')]))).toEqual({
    domain: 'cam.example',
  });
  expect(parseClientHello(clientHello([named('cam.example')], 20))).toEqual({ domain: 'cam.example' });
});

test.each([
  ['no extensions', clientHello([]), 'nameless'],
  ['none with a name', clientHello([[43, [2, 3, 4]]]), 'nameless'],
  ['an address', clientHello([named('192.0.2.1')]), 'nameless'],
  ['rubbish', clientHello([named('\u0000\u00ff')]), 'nameless'],
  ['a name of another kind', clientHello([[0, [0, 4, 9, 0, 1, 97]]]), 'nameless'],
  ['a name that is longer than its list', clientHello([[0, [0, 4, 0, 0, 99, 97]]]), 'nameless'],
  ['a ServerHello', clientHello([]).with(5, 2), 'other'],
  ['application data', Uint8Array.from([23, 3, 3, 0, 1, 0]), 'other'],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n'), 'other'],
  ['nothing', new Uint8Array(0), 'short'],
])('%s', (_, bytes, why) => {
  expect(parseClientHello(bytes)).toBe(why);
});

test('cut anywhere before the end of the name, more may come', () => {
  const end = Buffer.from(record).indexOf(NAME.domain) + NAME.domain.length;
  for (let cut = 0; cut < end; cut++)
    expect(parseClientHello(record.subarray(0, cut)), `${cut}`).toBe('short');
  for (let cut = end; cut < record.length; cut++)
    expect(parseClientHello(record.subarray(0, cut))).toEqual(NAME);
});

test('a ClientHello in two segments, at any cut that leaves its beginning whole', () => {
  for (let cut = 6; cut < record.length; cut++) {
    const streams = new HelloStreams();
    const domains = [streams.take(part(0, cut)), streams.take(part(cut))].filter(
      (domain) => domain !== undefined,
    );
    expect(domains, `${cut}`).toEqual([NAME.domain]);
  }
});

test('other segments are not looked at; a gap ends the waiting; a new connection begins anew', () => {
  const streams = new HelloStreams();
  expect(streams.take(part(20))).toBeUndefined();
  expect(streams.take(part(0, 20))).toBeUndefined();
  expect(streams.take(part(30))).toBeUndefined();
  expect(streams.take(part(20))).toBeUndefined();
  expect(streams.counters.gaps).toBe(1);
  streams.take(part(0, 20));
  expect(streams.take({ ...hello, seq: 99 })).toBe(NAME.domain);
});
