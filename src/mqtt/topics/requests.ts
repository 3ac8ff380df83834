import type { Clock } from '../../clock.ts';
import type { Method } from '../../control/offer.ts';
import { call, failureOf } from '../../control/rpc.ts';
import { SECRET } from '../../control/secret.ts';
import { TemporaryError, UsageError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Arrived, Message } from '../link.ts';
import type { Publication, Turn } from '../publication.ts';
import type { RouterName } from '../router-name.ts';

/** So many commands run at a time; what comes meanwhile is told to come again. */
const MAX_AT_A_TIME = 16;
const MAX_REQUEST = 65_536;
/** A longer answer is for another door: brokers and their clients have limits. */
const MAX_RESPONSE = 2_000_000;
const DEADLINE_MS = 30_000;
/** Who is said to have made a change that does not say. */
const AUTHOR = 'mqtt';
const COMMAND = /^[A-Za-z][A-Za-z0-9.-]{0,63}$/;

type Transaction = string | number | undefined;
type Params = Readonly<Record<string, unknown>>;

export interface RequestsOptions {
  readonly methods: () => ReadonlyMap<string, Method>;
  readonly name: RouterName;
  readonly clock: Clock;
  readonly log: Log;
}

/** Commands and views asked for by MQTT: `request/<command>` → `response/<command>`. */
export class Requests implements Publication {
  readonly name = 'requests';
  readonly scope = 'router';
  readonly owns = [];
  readonly #options: RequestsOptions;
  #open = 0;

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  get hears(): Publication['hears'] {
    return [
      {
        filter: `${this.#options.name.base}/request/+`,
        scope: 'router',
        on: (message, signal) => this.#answer(message, signal),
      },
    ];
  }

  async turn(): Promise<Turn> {
    return { retained: undefined, messages: [] };
  }

  async #answer({ topic, payload, retain }: Arrived, signal: AbortSignal): Promise<readonly Message[]> {
    // What lies there from before was meant for then.
    if (retain) return [];
    const command = topic.slice(topic.lastIndexOf('/') + 1);
    if (!COMMAND.test(command)) return [];
    const base = topic.slice(0, topic.lastIndexOf('/request/'));
    const answered = await this.#run(command, payload, signal);
    return [{ topic: `${base}/response/${command}`, payload: answered }];
  }

  async #run(command: string, payload: string, signal: AbortSignal): Promise<string> {
    const { methods, log } = this.#options;
    let transaction: Transaction;
    try {
      const request = read(payload);
      transaction = request.transaction;
      if (SECRET.has(command))
        throw new UsageError(`${command} has secrets in it, and others may listen in on a broker`, {
          hint: 'do it on the router, or by HTTP',
        });
      if (this.#open >= MAX_AT_A_TIME)
        throw new TemporaryError('too many requests at a time', { hint: 'ask again a moment later' });
      this.#open += 1;
      const work = call(methods(), command, request.params, AUTHOR).finally(() => {
        this.#open -= 1;
      });
      const data = (await this.#within(work, signal)) ?? null;
      const answer = JSON.stringify({ transaction, status: 'ok', data });
      if (answer.length <= MAX_RESPONSE) return answer;
      throw new UsageError('the answer is too long for MQTT', { hint: 'ask for less, or by another door' });
    } catch (error) {
      const { name, message, hint, exitCode } = failureOf(error, log);
      return JSON.stringify({ transaction, status: 'error', error: { name, message, hint, exitCode } });
    }
  }

  /** What is late goes on by itself; nobody waits for it. */
  async #within(work: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
    const over = new AbortController();
    const late = this.#options.clock.sleep(DEADLINE_MS, AbortSignal.any([signal, over.signal])).then(
      () =>
        Promise.reject(
          new TemporaryError('it takes too long to be waited for', { hint: 'it may still be done' }),
        ),
      () => Promise.reject(new TemporaryError('the agent stops')),
    );
    try {
      return await Promise.race([work, late]);
    } finally {
      late.catch(() => undefined);
      over.abort();
    }
  }
}

/** A JSON object: the parameters, and `transaction`, which is not one of them. Nothing at all is no parameters. */
function read(payload: string): { readonly transaction: Transaction; readonly params: Params } {
  if (payload.length > MAX_REQUEST) throw new UsageError('the request is too long');
  if (payload.trim() === '') return { transaction: undefined, params: {} };
  const { transaction, ...params } = parse(payload);
  return { transaction: isTransaction(transaction) ? transaction : undefined, params };
}

function parse(payload: string): Params {
  let request: unknown;
  try {
    request = JSON.parse(payload);
  } catch {
    throw new UsageError('the request is not JSON');
  }
  if (typeof request === 'object' && request !== null && !Array.isArray(request)) return request as Params;
  throw new UsageError('the request is not a JSON object', { hint: 'for example {"first": "tv"}' });
}

function isTransaction(value: unknown): value is string | number {
  return (typeof value === 'string' && value.length <= 100) || typeof value === 'number';
}
