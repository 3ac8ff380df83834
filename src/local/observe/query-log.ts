import { canonicalAddress, canonicalDomain } from '../../policy/address.ts';
import type { Address } from '../../policy/block-set.ts';
import { type AnswerFact, ownText } from './facts.ts';

/** One line of dnsmasq's log that is about names. */
export type QueryLine =
  | { readonly kind: 'query'; readonly key: string; readonly client: string; readonly name: string }
  | {
      readonly kind: 'answer';
      readonly key: string;
      readonly client: string;
      readonly name: string;
      readonly value: string;
    };

/** `plain`: without the numbers that tell which answer is to which question (log-queries instead of =extra). */
export type LineIgnored = 'other' | 'plain';

/** Whatever the logger writes before it: `dnsmasq[pid]: serial client/port what`. Without a daemon there is no pid. */
const NUMBERED =
  /\bdnsmasq(?:\[(\d{1,10})\])?: (\d{1,10}) ([0-9a-fA-F.:]{2,45})(?:%\S{1,32})?\/(\d{1,5}) (.*)$/;
const PLAIN = /\bdnsmasq(?:\[\d{1,10}\])?: query\[/;
const QUERY = /^query\[[^\]]{1,20}\] (\S{1,255}) from /;
/** reply, cached, cached-stale, config, DHCP, or the name of a hosts file. */
const ANSWER = /^(?:reply|cached|cached-stale|config|DHCP|\/\S{1,255}) (\S{1,255}) is (\S{1,255})$/;
const ALIAS = '<CNAME>';

/** A line of the log that `log-queries=extra` makes (dnsmasq(8)); all strings are slices of it. */
export function parseQueryLine(line: string): QueryLine | LineIgnored {
  const numbered = NUMBERED.exec(line);
  if (numbered === null) return PLAIN.test(line) ? 'plain' : 'other';
  const [, pid = '', serial = '', client = '', port = '', what = ''] = numbered;
  // A question over TCP is answered by a child, which counts on by itself.
  const key = `${pid} ${serial} ${client} ${port}`;
  const query = QUERY.exec(what);
  if (query !== null) return { kind: 'query', key, client, name: query[1] ?? '' };
  const answer = ANSWER.exec(what);
  if (answer === null) return 'other';
  return { kind: 'answer', key, client, name: answer[1] ?? '', value: answer[2] ?? '' };
}

/** A question, and what has been logged of its answer. */
interface Asked {
  readonly client: Address | undefined;
  readonly domain: string;
  readonly chain: string[];
  readonly addresses: Set<Address>;
  /** The last line told of an alias: the next name is where it leads. */
  aliased: boolean;
  answered: boolean;
}

const MAX_ASKED = 1_024;
const MAX_CHAIN = 16;
const MAX_ADDRESSES = 256;

/**
 * Puts the lines of dnsmasq's log together: an alias or an address a line, under the number of its question. The log says
 * nowhere that an answer is complete: `flush` tells what has come since the last time.
 */
export class QueryLog {
  readonly #onAnswer: (fact: AnswerFact) => void;
  readonly #asked = new Map<string, Asked>();
  readonly #told = new Set<Asked>();
  /** `forgotten`: questions that gave way to others before any answer to them. */
  readonly counters = { lines: 0, ignored: 0, plain: 0, answers: 0, forgotten: 0 };

  constructor(onAnswer: (fact: AnswerFact) => void) {
    this.#onAnswer = onAnswer;
  }

  line(text: string): void {
    this.counters.lines += 1;
    const line = parseQueryLine(text);
    if (line === 'plain') this.counters.plain += 1;
    if (typeof line === 'string' || !this.#take(line)) this.counters.ignored += 1;
  }

  /** Tells the answers of the lines so far, in their order. */
  flush(): void {
    for (const { client, domain, chain, addresses } of this.#told) {
      this.counters.answers += 1;
      const fact = { client, domain, chain: [...chain], addresses: [...addresses], ttlS: 0 };
      this.#onAnswer({ kind: 'answer', source: 'log', ...fact });
      addresses.clear();
    }
    this.#told.clear();
  }

  #take(line: QueryLine): boolean {
    const name = canonicalDomain(line.name);
    if (name === undefined) return false;
    if (line.kind === 'query') {
      this.#asked.delete(line.key);
      this.#ask(line, name);
      return true;
    }
    // The log may have been met in the middle of an answer: its first name is that of the question.
    const asked = this.#asked.get(line.key) ?? this.#ask(line, name);
    const address = line.value === ALIAS ? undefined : canonicalAddress(line.value);
    if (line.value !== ALIAS && address === undefined) return false;
    if (name !== asked.domain && !asked.chain.includes(name)) {
      if (!asked.aliased || asked.chain.length >= MAX_CHAIN) return false;
      asked.chain.push(ownText(name));
    }
    asked.aliased = address === undefined;
    asked.answered = true;
    if (address !== undefined && asked.addresses.size < MAX_ADDRESSES) {
      asked.addresses.add(ownText(address));
      this.#told.add(asked);
    }
    return true;
  }

  #ask({ key, client }: QueryLine, name: string): Asked {
    const [oldest] = this.#asked;
    if (this.#asked.size >= MAX_ASKED && oldest !== undefined) {
      this.#asked.delete(oldest[0]);
      if (!oldest[1].answered) this.counters.forgotten += 1;
    }
    const address = canonicalAddress(client);
    const asked: Asked = {
      client: address === undefined ? undefined : ownText(address),
      domain: ownText(name),
      chain: [],
      addresses: new Set(),
      aliased: false,
      answered: false,
    };
    this.#asked.set(ownText(key), asked);
    return asked;
  }
}
