import type { House } from '../../lab/house-api.ts';
import { hostDir } from '../../lab/network.ts';
import type { Running } from '../../lab/run.ts';
import { until, type WaitOptions } from '../../lab/wait.ts';

/** Where a broker is, as the commands of mosquitto-clients want it. */
export interface At {
  readonly host: string;
  readonly port?: number;
  readonly password?: string;
}

const LONG = { timeoutMs: 25_000, everyMs: 50 };

const where = ({ host, port = 1883, password }: At) => [
  ...['-h', host, '-p', `${port}`],
  ...(password === undefined ? [] : ['-u', 'test', '-P', password]),
];

/** A real mosquitto on a host of the house, which keeps nothing on disk. It is a process of its own: no agent takes it along. */
export class Broker {
  readonly at: At;
  readonly #house: House;
  readonly #on: string;
  #running: Running | undefined;

  /** @param on the host @param address one that it has */
  constructor(house: House, on: string, address: string) {
    this.#house = house;
    this.#on = on;
    this.at = { host: address };
  }

  async start(): Promise<void> {
    const file = `${hostDir(this.#on)}/mosquitto.conf`;
    const lines = [`listener 1883 ${this.at.host}`, 'user root', 'persistence false', 'allow_anonymous true'];
    await this.#house.sh(`printf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')} > ${file}`);
    this.#running = this.#house.spawn(this.#on, ['mosquitto', '-c', file]);
    await until('mosquitto to answer', async () => {
      const { code } = await this.#house.exec(this.#on, publication(this.at, 'test/up', 'x'));
      return code === 0;
    });
  }

  async kill(): Promise<void> {
    await this.#running?.stop('SIGKILL');
  }
}

/** The command that publishes. */
export const publication = (at: At, topic: string, payload: string) => [
  'mosquitto_pub',
  ...where(at),
  ...['-q', '1', '-t', topic, '-m', payload],
];

export async function publish(
  house: House,
  from: string,
  at: At,
  topic: string,
  payload: string,
): Promise<void> {
  await house.must(from, publication(at, topic, payload));
}

export interface Heard {
  readonly topic: string;
  readonly payload: string;
  /** Whether the broker keeps it; on a broker of MQTT 3 whether it had kept it before we came. */
  readonly retain: boolean;
}

/** What a client hears on a broker from now on, and what that keeps: `mosquitto_sub` on a host of the house. */
export class Listening {
  /** What the broker keeps, by topic. */
  readonly kept = new Map<string, string>();
  /** Everything, in order. */
  readonly heard: Heard[] = [];
  readonly #running: Running;
  #line = '';

  /** @param version as `mosquitto_sub -V` has it: with 5 it hears of later messages whether they are retained */
  constructor(house: House, on: string, at: At, version: '5' | '311' = '5') {
    const options = version === '5' ? ['--retain-as-published'] : [];
    this.#running = house.spawn(on, [
      ...['mosquitto_sub', '-V', version === '5' ? 'mqttv5' : 'mqttv311', ...options],
      ...where(at),
      ...['-q', '1', '-t', '#', '-F', '%r %t %p'],
    ]);
    this.#running.stdout.on('data', (piece: string) => this.#take(piece));
  }

  /** What is kept under topics that match, parsed as JSON. */
  values<T>(topics: RegExp): T[] {
    return [...this.kept].flatMap(([topic, payload]) =>
      topics.test(topic) ? [JSON.parse(payload) as T] : [],
    );
  }

  /** Waits until `find` answers something, 25 s at most. */
  async until<T>(what: string, find: () => T | undefined | false, options: WaitOptions = {}) {
    return await until(what, find, { ...LONG, ...options });
  }

  /** Waits until a topic keeps a payload. */
  async keeps(topic: string, payload: string): Promise<void> {
    await this.until(`${topic} to be ${payload}`, () => this.kept.get(topic) === payload);
  }

  /** Messages under one topic after the first `from` of all. */
  since(from: number, topic: string): Heard[] {
    return this.heard.slice(from).filter((one) => one.topic === topic);
  }

  async stop(): Promise<void> {
    await this.#running.stop();
  }

  #take(piece: string): void {
    const lines = (this.#line + piece).split('\n');
    this.#line = lines.pop() ?? '';
    for (const line of lines) {
      const [, retain, topic = '', payload = ''] = /^([01]) (\S+) (.*)$/.exec(line) ?? [];
      this.heard.push({ topic, payload, retain: retain === '1' });
      if (retain !== '1') continue;
      if (payload === '') this.kept.delete(topic);
      else this.kept.set(topic, payload);
    }
  }
}
