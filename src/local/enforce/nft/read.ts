import * as z from 'zod';
import { familyOf, rangeOf } from '../../../policy/address.ts';
import type { Count } from '../counters.ts';
import { TABLE, textOf, WIDTH } from './names.ts';

/** What the kernel holds under our table's name (libnftables-json(5)). */
export interface Found {
  /** The table itself was listed. */
  readonly there: boolean;
  /** The handles of each chain's rules, in their order; a rule that was written anew has another. */
  readonly chains: ReadonlyMap<string, FoundChain>;
  /** Elements of each set and map in the form of ours; none in a terse listing. */
  readonly sets: ReadonlyMap<string, readonly string[]>;
  /** Elements that have counted anything. */
  readonly counts: ReadonlyMap<string, ReadonlyMap<string, Count>>;
}

export interface FoundChain {
  /** The hook, the priority and the policy; empty for a chain that is called by others. */
  readonly hook: string;
  readonly rules: readonly number[];
  /** The sum of the chain's own counters. */
  readonly packets: number;
}

/** True if the kernel calls a chain of this table that has rules. */
export function isAtWork(found: Found | undefined): boolean {
  return found?.chains.values().some(({ hook, rules }) => hook !== '' && rules.length > 0) ?? false;
}

const listing = z.object({ nftables: z.array(z.record(z.string(), z.unknown())) });

/** Reads what `nft -j list` prints, what is not of this table left out; undefined for anything else. Never throws. */
export function parseListing(text: string, [family, name] = TABLE.split(' ')): Found | undefined {
  const parsed = listing.safeParse(fromJson(text));
  if (!parsed.success) return undefined;
  const chains = new Map<string, { hook: string; rules: number[]; packets: number }>();
  const sets = new Map<string, string[]>();
  const counts = new Map<string, Map<string, Count>>();
  let there = false;
  for (const { table, chain, rule, set, map } of parsed.data.nftables) {
    if (isNamed(table) && table.family === family && table.name === name) there = true;
    const one = [chain, rule, set, map].find(isObject);
    if (one?.family !== family || one?.table !== name) continue;
    if (isNamed(chain)) chains.set(chain.name, { hook: hookOf(chain), rules: [], packets: 0 });
    if (isObject(rule) && typeof rule.chain === 'string' && typeof rule.handle === 'number') {
      const into = chains.get(rule.chain);
      into?.rules.push(rule.handle);
      if (into !== undefined) into.packets += counted(rule.expr);
    }
    const held = isNamed(set) ? set : isNamed(map) ? map : undefined;
    if (held === undefined) continue;
    const elements: string[] = [];
    const counters = new Map<string, Count>();
    for (const elem of Array.isArray(held.elem) ? (held.elem as unknown[]) : []) {
      const { text: element, count } = elementOf(elem);
      // What is no element of ours is one all the same: it makes the set another.
      elements.push(element ?? '');
      if (element !== undefined && count !== undefined && count.packets > 0) counters.set(element, count);
    }
    sets.set(held.name, elements);
    if (counters.size > 0) counts.set(held.name, counters);
  }
  return { there, chains, sets, counts };
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function hookOf({ hook, prio, policy }: Readonly<Record<string, unknown>>): string {
  return typeof hook === 'string' ? `${hook} ${String(prio)} ${String(policy)}` : '';
}

function isNamed(value: unknown): value is Readonly<Record<string, unknown>> & { readonly name: string } {
  return isObject(value) && typeof value.name === 'string';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function counted(expr: unknown): number {
  if (!Array.isArray(expr)) return 0;
  return (expr as unknown[]).reduce<number>(
    (sum, one) => sum + (isObject(one) ? (countOf(one.counter)?.packets ?? 0) : 0),
    0,
  );
}

function countOf(value: unknown): Count | undefined {
  if (!isObject(value)) return undefined;
  const { packets, bytes } = value;
  return typeof packets === 'number' && typeof bytes === 'number' ? { packets, bytes } : undefined;
}

/** An address, a prefix, some of them concatenated, with a verdict for a map, with a counter for a counting set. */
function elementOf(value: unknown): {
  readonly text: string | undefined;
  readonly count?: Count | undefined;
} {
  if (Array.isArray(value)) {
    const [key, verdict] = value as unknown[];
    const target = isObject(verdict) && isObject(verdict.jump) ? verdict.jump.target : undefined;
    const { text } = elementOf(key);
    return {
      text: text === undefined || typeof target !== 'string' ? undefined : `${text} : jump ${target}`,
    };
  }
  if (isObject(value) && isObject(value.elem))
    return { text: keyOf(value.elem.val), count: countOf(value.elem.counter) };
  return { text: keyOf(value) };
}

function keyOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!isObject(value)) return undefined;
  if (Array.isArray(value.concat)) {
    const keys = (value.concat as unknown[]).map(keyOf);
    return keys.includes(undefined) ? undefined : keys.join(' . ');
  }
  const prefix = value.prefix;
  if (isObject(prefix) && typeof prefix.addr === 'string' && typeof prefix.len === 'number')
    return `${prefix.addr}/${prefix.len}`;
  return undefined;
}

/**
 * An element in our own writing: tools write some IPv6 addresses otherwise, and a prefix of full length without it.
 * `interval` says that the set holds prefixes.
 */
export function ownWriting(element: string, interval: boolean): string {
  const [keys = '', verdict] = element.split(' : ');
  const written = keys.split(' . ').map((key) => (isPlain(key) ? addressIn(key, interval) : key));
  return verdict === undefined ? written.join(' . ') : `${written.join(' . ')} : ${verdict}`;
}

const PLAIN = /^(?:[0-9a-f:]*:[0-9a-f:]*:[0-9a-f:.]*|[\d.]{7,15})(?:\/\d{1,3})?$/;
const isPlain = (key: string): boolean => PLAIN.test(key) && !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(key);

function addressIn(key: string, interval: boolean): string {
  const [base = '', length] = key.split('/');
  const family = familyOf(base);
  try {
    const text = textOf(rangeOf(family === 6 ? inHex(base) : base).first, family);
    return interval ? `${text}/${length ?? WIDTH[family]}` : text;
  } catch {
    // No address after all: it is compared as it is.
    return key;
  }
}

/** The last 32 bits of an IPv6 address in hex, where a tool writes them as IPv4 (RFC 4291 2.2). */
function inHex(address: string): string {
  return address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
}
