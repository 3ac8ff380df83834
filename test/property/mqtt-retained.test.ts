import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { silentLog } from '../../src/log.ts';
import type { Message } from '../../src/mqtt/link.ts';
import { Retained } from '../../src/mqtt/retained.ts';
import { RouterName } from '../../src/mqtt/router-name.ts';
import { memberIn, Speaker, speaks } from '../../src/mqtt/speaker.ts';
import { Requests } from '../../src/mqtt/topics/requests.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeBroker, FakeLink } from '../support/fake-link.ts';
import { FakeHome } from '../support/mqtt-home.ts';
import { wrongIn } from '../support/mqtt-schemas.ts';

const RUNS = Number(process.env.HEDGEROW_FUZZ ?? 50_000);
/** Other tests may be running on the same cores. */
const PATIENCE_MS = 600_000;

/** A link whose messages arrive late, as those of a broker across a network do: only when the test lets them. */
class SlowLink extends FakeLink {
  readonly #waiting: (() => void)[] = [];

  override publish(message: Message): boolean {
    if (!this.connected || this.full) return false;
    this.#waiting.push(() => this.broker.publish(message));
    return true;
  }

  override deliver(message: Message & { retain: boolean }): number {
    this.#waiting.push(() => void super.deliver(message));
    return 1;
  }

  /** Lets so many arrive, in order. */
  flow(count: number): void {
    for (let n = 0; n < count; n++) this.#waiting.shift()?.();
  }

  /** What is on its way is lost, or some of it. */
  override disconnect(): void {
    this.#waiting.length = 0;
    super.disconnect();
  }
}

describe('what is retained', () => {
  const topic = fc.constantFrom('own/a', 'own/b', 'own/c', 'own/d');
  const payload = fc.constantFrom('', '1', '2', '3');
  const desired = fc.uniqueArray(fc.tuple(topic, payload), { selector: ([name]) => name });
  const deed = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('want' as const), desired }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('foreign' as const), topic, payload }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('flow' as const), count: fc.nat(6) }) },
    { arbitrary: fc.record({ do: fc.constant('full' as const), full: fc.boolean() }), weight: 1 },
    { arbitrary: fc.record({ do: fc.constantFrom('disconnect', 'connect', 'forget') }), weight: 1 },
    { arbitrary: fc.record({ do: fc.constant('release' as const) }), weight: 1 },
  );

  test.each([
    ['at once', FakeLink],
    ['late', SlowLink],
  ])('ends as it should be, whatever happens meanwhile; messages arrive %s', (_, Link) => {
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 40 }), desired, (deeds, last) => {
        const broker = new FakeBroker();
        broker.publish({ topic: 'own/old', payload: 'x', retain: true });
        broker.publish({ topic: 'other/x', payload: 'x', retain: true });
        const link = new Link({ broker });
        const retained = new Retained(link);
        link.onConnected(() => retained.connected());
        retained.listen(['own/+']);
        const flow = (count: number) => link instanceof SlowLink && link.flow(count);
        let wanted = new Map<string, string>();
        for (const each of deeds) {
          if (each.do === 'want' && 'desired' in each) wanted = new Map(each.desired);
          if (each.do === 'foreign' && 'topic' in each)
            broker.publish({ topic: each.topic, payload: each.payload, retain: true });
          if (each.do === 'flow' && 'count' in each) flow(each.count);
          if (each.do === 'full' && 'full' in each) link.full = each.full;
          if (each.do === 'disconnect') link.disconnect();
          if (each.do === 'connect') link.connect();
          // A broker forgets when it starts again, which breaks its connections.
          if (each.do === 'forget') {
            link.disconnect();
            broker.retained.clear();
          }
          if (each.do === 'release') {
            retained.release();
            retained.listen(['own/+']);
          }
          retained.step(wanted);
        }
        link.full = false;
        link.connect();
        const end = new Map(last);
        for (let turn = 0; turn < 4; turn++) {
          flow(1_000);
          retained.step(end);
          flow(1_000);
        }
        const own = [...broker.retained].filter(([name]) => name.startsWith('own/'));
        expect(new Map(own)).toEqual(new Map(last.filter(([, text]) => text !== '')));
        expect(retained.step(end)).toBe(true);
      }),
      { numRuns: 400 },
    );
  });
});

describe('who speaks for the home', () => {
  const member = fc.integer({ min: 0, max: 9 }).map((digit) => String(digit).repeat(16));

  test('of any that are online exactly one', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(member, { minLength: 1 }),
        fc.array(fc.record({ member, online: fc.boolean(), at: fc.constantFrom(0, 90_000) })),
        (online, others) => {
          const now = 100_000;
          const gone = others
            .filter((other) => !online.includes(other.member))
            .map((other) => (other.online ? { ...other, at: 0 } : other));
          const heard = (self: string) => [
            ...online
              .filter((each) => each !== self)
              .map((each) => ({ member: each, online: true, at: now })),
            ...gone,
            { member: undefined, online: true, at: now },
          ];
          const speaking = online.filter((self) => speaks(self, heard(self), now));
          expect(speaking).toEqual([[...online].sort()[0]]);
        },
      ),
    );
  });

  test('on one broker, whatever comes and goes: in the end one, and never none for long', async () => {
    const move = fc.tuple(
      fc.nat(3),
      fc.constantFrom('connect', 'disconnect'),
      fc.integer({ min: 1, max: 12 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(move, { maxLength: 12 }), async (moves) => {
        const clock = new FakeClock();
        const broker = new FakeBroker();
        const routers = ['3', '1', '2', '0'].map((digit) => {
          const name = new RouterName(`r${digit}`, digit.repeat(16));
          const will = { topic: `${name.base}/state`, payload: 'offline', retain: true };
          const link = new FakeLink({ broker, will, connected: false });
          const speaker = new Speaker({ link, clock, name, alone: false });
          speaker.start();
          const say = () => {
            if (!speaker.settled) return;
            const payload = JSON.stringify({ member: name.member });
            link.publish({ topic: `${name.base}/info`, payload, retain: true });
            speaker.beat();
          };
          return { name, link, speaker, say };
        });
        const turn = async (seconds: number) => {
          for (let n = 0; n < seconds; n++) {
            await clock.advance(1_000);
            for (const { say } of routers) say();
          }
        };
        for (const [which, what, seconds] of moves) {
          const link = routers[which]?.link;
          if (what === 'connect') link?.connect();
          else link?.disconnect();
          await turn(seconds);
        }
        await turn(4);
        const connected = routers.filter(({ link }) => link.connected).map(({ name }) => name.member);
        const speaking = routers.filter(({ speaker }) => speaker.speaks).map(({ name }) => name.member);
        expect(speaking).toEqual(connected.length === 0 ? [] : [connected.sort()[0]]);
      }),
      { numRuns: 30 },
    );
  });
});

describe('rubbish', () => {
  test(
    'in what routers say of themselves names nobody and breaks nothing',
    () => {
      const clock = new FakeClock();
      const link = new FakeLink();
      const name = new RouterName('attic', '5'.repeat(16));
      const speaker = new Speaker({ link, clock, name, alone: false });
      speaker.start();
      const text = fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'binary' }));
      fc.assert(
        fc.property(
          fc.string({ unit: 'grapheme-ascii', maxLength: 8 }),
          text,
          fc.boolean(),
          (router, said, retain) => {
            expect(memberIn(said)).toBeUndefined();
            for (const what of ['info', 'state'])
              link.arrive({
                topic: `hedgerow/${router.replaceAll(/[/+#]/g, '')}/${what}`,
                payload: said,
                retain,
              });
          },
        ),
        { numRuns: Math.round(RUNS / 50) },
      );
      expect(name.base).toBe('hedgerow/attic');
      expect(speaks(name.member, [], 0)).toBe(true);
    },
    PATIENCE_MS,
  );

  test(
    'as a request is answered with an error, or with nothing',
    async () => {
      const home = new FakeHome('1'.repeat(64), 'attic');
      const clock = new FakeClock();
      const requests = new Requests({
        methods: () => home.methods,
        name: new RouterName('attic', home.member),
        clock,
        log: silentLog,
      });
      const [hears] = requests.hears;
      const signal = new AbortController().signal;
      const command = fc.oneof(
        fc.constantFrom('block', 'status', 'nosuch', 'toString', '__proto__'),
        fc.string({ maxLength: 70 }).map((text) => text.replaceAll(/[/+#]/g, '')),
      );
      const payload = fc.oneof(
        fc.json(),
        fc.string({ unit: 'binary' }),
        fc.record({ first: fc.anything(), transaction: fc.anything() }).map((given) => {
          try {
            return JSON.stringify(given) ?? '';
          } catch {
            return '{"first": {"toString": null}}';
          }
        }),
      );
      await fc.assert(
        fc.asyncProperty(command, payload, async (name, text) => {
          const topic = `hedgerow/attic/request/${name}`;
          const answers = (await hears?.on({ topic, payload: text, retain: false }, signal)) ?? [];
          expect(answers.length).toBeLessThanOrEqual(1);
          for (const answer of answers) {
            expect(answer.topic).toBe(`hedgerow/attic/response/${name}`);
            expect(wrongIn(answer)).toBeUndefined();
          }
        }),
        { numRuns: Math.round(RUNS / 50) },
      );
    },
    PATIENCE_MS,
  );
});
