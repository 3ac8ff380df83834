import type { Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Entrance } from '../../src/control/doorway.ts';
import { RequestReader, spinEntrance } from '../../src/mqtt/spin/entrance.ts';
import { PATIENCE_MS, RUBBISH, withstands } from '../support/rubbish.ts';
import { spinHouse, transcript } from '../unit/mqtt/spin/spin-house.ts';
import { Spoiler } from './spoil.ts';

const SEED = Number(process.env.FAST_CHECK_SEED ?? 20261121) || 1;

const REQUESTS = ['1', '2', 'errors'].flatMap((name) =>
  transcript(`rpc_transcript_${name}.txt`).map(({ request }) => request),
);
const BYTES = REQUESTS.map((request) => Buffer.from(request));
const VALUES = [
  ...[
    0,
    -1,
    1,
    2,
    3,
    4,
    2 ** 31,
    2 ** 53,
    1e300,
    1.5,
    null,
    true,
    '',
    'x',
    [],
    {},
    [[]],
    '0.0.0.0/0',
    '::/0',
  ],
  ...[
    'block',
    'ignore',
    'allow',
    '02:00:00:00:08:0a',
    '203.0.113.10',
    '\ud800',
    '__proto__',
    'x'.repeat(5_000),
  ],
];

/** What the entrance of SPIN's socket answers to a client that closes its side behind the request. */
async function heardFrom(enter: Entrance, text: string): Promise<string> {
  const [outside, inside] = duplexPair();
  enter(inside as Socket, { state: '', purpose: '' }, { address: '', loopback: true, secure: false });
  outside.end(text);
  let heard = '';
  for await (const bytes of outside) heard += bytes;
  return heard;
}

describe('SPIN’s JSON-RPC', { timeout: PATIENCE_MS }, () => {
  it(`answers ${RUBBISH} spoilt requests with JSON, and can still be asked`, async () => {
    const house = spinHouse({ policies: 200, changesPerHour: 100, burst: 500 });
    const enter = spinEntrance(house.rpc, house.clock);
    const spoiler = new Spoiler(SEED);
    const one = async (run: number) => {
      let text = spoiler.pick(REQUESTS);
      if (run % 2 === 0) text = Buffer.from(spoiler.bytes(BYTES)).toString();
      else {
        const request = JSON.parse(text) as Record<string, unknown>;
        const { params } = request;
        const target = typeof params === 'object' && params !== null ? params : request;
        const name = spoiler.pick(Object.keys(target).concat('more'));
        text = JSON.stringify({
          ...request,
          params: { ...Object(params), [name]: spoiler.pick<unknown>(VALUES) },
        });
      }
      const answer = await (run % 4 < 2 ? house.rpc(text, 'test') : heardFrom(enter, text));
      if (answer !== '') JSON.parse(answer);
    };
    const batch = async () => {
      for (let run = 0; run < 100; run++) await one(run);
      house.clock.advance(1_000);
      return 100;
    };
    const honest = async () => expect(await house.ask('list_devices')).toHaveProperty('result.length', 2);
    const { slowestMs } = await withstands(honest, batch);
    expect(slowestMs).toBeLessThan(1_000);
  });
});

describe('the reader of SPIN’s socket', () => {
  it('finds the end of a request however it is cut, and of rubbish too', () => {
    fc.assert(
      fc.property(fc.object(), fc.string(), fc.array(fc.nat({ max: 200 })), (value, behind, cuts) => {
        const text = JSON.stringify(value);
        const bytes = Buffer.from(` \n${text}${behind}`);
        const reader = new RequestReader();
        let from = 0;
        for (const to of [...cuts.map((cut) => cut % bytes.length).sort((x, y) => x - y), bytes.length]) {
          reader.push(bytes.subarray(from, to));
          from = to;
        }
        expect(JSON.parse(reader.text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('keeps little of what never ends, in little time', () => {
    for (const part of [' ', '{', '"', '[', '\\', '{"a":']) {
      const reader = new RequestReader();
      const bytes = Buffer.from(part.repeat(8_192));
      let pushed = 0;
      while (!reader.push(bytes) && pushed < 1_000) pushed += 1;
      expect(pushed).toBeLessThan(10);
      expect(reader.text.length).toBeLessThan(200_000);
    }
  });
});
