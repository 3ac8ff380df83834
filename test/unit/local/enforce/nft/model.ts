import { textOf } from '../../../../../src/local/enforce/nft/names.ts';
import { type Family, familyOf, PrefixSet, rangeOf } from '../../../../../src/policy/address.ts';
import type { Packet } from '../kernel-model.ts';

interface HeldSet {
  readonly declared: string;
  readonly elements: Set<string>;
  prefixes: PrefixSet | undefined;
}

/** What a packet goes by. */
interface Rules {
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly sets: { get(name: string): HeldSet | undefined };
}

/** What becomes of a packet in a chain: dropped, done with the chain, or done with the chain and its callers by `goto`. */
type Fate = 'drop' | 'return';

/**
 * A model of nft(8) and of what the kernel does with our rules: enough for the commands that Hedgerow writes, with their
 * errors (adding to a set that is not there, deleting what is missing, deleting what is in use). A transaction that fails
 * changes nothing.
 */
export class NftModel {
  #sets = new Map<string, HeldSet>();
  #chains = new Map<string, string[]>();
  #there = false;
  #before: Rules | undefined;

  get sets(): ReadonlyMap<string, HeldSet> {
    return this.#sets;
  }

  get chains(): ReadonlyMap<string, readonly string[]> {
    return this.#chains;
  }

  transact(commands: readonly string[]): void {
    const before = [
      new Map([...this.#sets].map(([name, set]) => [name, { ...set, elements: new Set(set.elements) }])),
      new Map([...this.#chains].map(([name, rules]) => [name, [...rules]])),
      this.#there,
    ] as const;
    try {
      for (const command of commands) this.#run(command);
      this.#commit();
      this.#before = { sets: before[0], chains: before[1] };
    } catch (error) {
      [this.#sets, this.#chains, this.#there] = before;
      throw error;
    }
  }

  /** True if the table drops the packet; `from` and `to` are its interfaces. */
  drops(packet: Packet): boolean {
    return this.#there && this.#walk('on_forward', packet, this) === 'drop';
  }

  /**
   * True if a packet is dropped that is on its way while the last transaction comes into force: it goes by the rules of
   * before or of after, and each set is asked as it was or as it is, as `isNew` says each time.
   */
  dropsMeanwhile(packet: Packet, isNew: () => boolean): boolean {
    const before = this.#before;
    if (before === undefined) throw new Error('nothing comes into force');
    const chains = isNew() ? this.#chains : before.chains;
    const rules: Rules = {
      chains,
      sets: {
        get: (name) =>
          (isNew() ? this.#sets.get(name) : undefined) ?? before.sets.get(name) ?? this.#sets.get(name),
      },
    };
    return this.#walk('on_forward', packet, rules) === 'drop';
  }

  #run(command: string): void {
    const fail = (): never => {
      throw new Error(`nft: ${command.slice(0, 200)}`);
    };
    const [, verb = '', what = '', rest = ''] =
      /^(add|delete|flush) (table|set|map|chain|rule|element) (?:inet|bridge) hedgerow ?(.*)$/.exec(
        command,
      ) ?? fail();
    if (what === 'table') {
      if (verb === 'delete') {
        if (!this.#there) fail();
        this.#sets = new Map();
        this.#chains = new Map();
      }
      this.#there = verb === 'add';
      return;
    }
    if (!this.#there) fail();
    const [, name = '', body = ''] = /^(\S+) ?(.*)$/.exec(rest) ?? fail();
    const inner = /^\{ (.*) \}$/.exec(body)?.[1] ?? '';
    if (what === 'chain') {
      if (verb === 'add' && !this.#chains.has(name)) this.#chains.set(name, []);
      else if (verb === 'flush') (this.#chains.get(name) ?? fail()).length = 0;
      else if (verb === 'delete' && !this.#chains.delete(name)) fail();
    } else if (what === 'rule') (this.#chains.get(name) ?? fail()).push(body);
    else if (what === 'element') {
      const set = this.#sets.get(name) ?? fail();
      set.prefixes = undefined;
      for (const element of inner.split(', ')) {
        if (verb === 'add') set.elements.add(element.replace(/ counter packets.*/, ''));
        else if (!set.elements.delete(element)) fail();
      }
    } else if (verb === 'add') {
      if (this.#sets.has(name)) fail();
      this.#sets.set(name, { declared: inner, elements: new Set(), prefixes: undefined });
    } else if (!this.#sets.delete(name)) fail();
  }

  /** What rules and elements refer to must be there. */
  #commit(): void {
    for (const [chain, rules] of this.#chains)
      for (const rule of rules) {
        for (const [, set = ''] of rule.matchAll(/@(\S+)/g))
          if (!this.#sets.has(set)) throw new Error(`nft: ${chain} asks for ${set}: ${rule}`);
        for (const [, target = ''] of rule.matchAll(/(?:jump|goto) (\w+)/g))
          if (!this.#chains.has(target)) throw new Error(`nft: ${chain} leads to ${target}: ${rule}`);
      }
    for (const [name, { elements }] of this.#sets) {
      const keys = new Set<string>();
      for (const element of elements) {
        const [key = '', target] = element.split(' : jump ');
        if (keys.has(key)) throw new Error(`nft: two verdicts for ${key} in ${name}`);
        keys.add(key);
        if (target !== undefined && !this.#chains.has(target))
          throw new Error(`nft: ${name} leads to ${target}`);
      }
    }
  }

  #walk(chain: string, packet: Packet, by: Rules): Fate {
    for (const rule of by.chains.get(chain) ?? this.#chains.get(chain) ?? []) {
      const verdict = this.#verdict(rule, packet, by);
      if (verdict === undefined) continue;
      const [word, target = ''] = verdict.split(' ');
      if (word === 'drop' || word === 'return') return word;
      const fate = this.#walk(target, packet, by);
      if (fate === 'drop' || word === 'goto') return fate;
    }
    return 'return';
  }

  /** The verdict of a rule whose matches all hold; undefined where the next rule is asked. */
  #verdict(rule: string, packet: Packet, by: Rules): string | undefined {
    if (rule.startsWith('update ')) return undefined;
    let rest = rule;
    for (;;) {
      const last = /^(?:counter )?(drop|return|(?:jump|goto) \w+)$/.exec(rest)?.[1];
      if (last !== undefined) return last;
      // No packet here is DHCP, neighbour discovery, or link-local.
      if (/^meta protocol ip6? .* return$|^ip6 saddr fe80::\/10 /.test(rest)) return undefined;
      const protocol =
        /^meta (?:nfproto vmap \{ ipv4|protocol vmap \{ ip) : (jump \w+), (?:ipv6|ip6) : (jump \w+) \}$/.exec(
          rest,
        );
      if (protocol !== null) return protocol[familyOf(packet.source) === 4 ? 1 : 2];
      const [, side, not, device] = /^([io]ifname) (!= )?"([^"]+)" /.exec(rest) ?? [];
      if (side !== undefined && device !== undefined) {
        const name = side === 'iifname' ? packet.from : packet.to;
        const same = device.endsWith('*') ? name.startsWith(device.slice(0, -1)) : name === device;
        if (same === (not !== undefined)) return undefined;
        rest = rest.slice(`${side} ${not ?? ''}"${device}" `.length);
        continue;
      }
      const [whole, key = '', vmap, differs, set = ''] = /^(.+?) (?:(vmap)|(!=))? ?@(\S+) ?/.exec(rest) ?? [];
      if (whole === undefined) throw new Error(`nft: what is ${rule}?`);
      const value = keyOf(key, packet);
      if (value === undefined) return undefined;
      const held = by.sets.get(set);
      if (held === undefined) throw new Error(`nft: no set ${set}`);
      if (vmap !== undefined) {
        const found = [...held.elements].find((one) => one.startsWith(`${value} : `));
        return found?.slice(value.length + 3);
      }
      if (holds(held, value) === (differs !== undefined)) return undefined;
      rest = rest.slice(whole.length);
    }
  }
}

function holds(set: HeldSet, value: string): boolean {
  if (!set.declared.includes('flags interval')) return set.elements.has(value);
  set.prefixes ??= new PrefixSet(set.elements);
  return set.prefixes.has(value);
}

/** The value of a key for this packet; undefined where a part of it is not in the packet. */
function keyOf(key: string, packet: Packet): string | undefined {
  const values = key.split(' . ').map((one) => {
    const [, field = '', end, mask, bit] = /^(\w+) (\w+)(?: & (\S+) \^ (\S+))?$/.exec(one) ?? [];
    if (field === 'ether') return packet.mac;
    const family: Family = field === 'ip' ? 4 : 6;
    const address = end === 'saddr' ? packet.source : packet.destination;
    if (familyOf(address) !== family) return undefined;
    if (mask === undefined || bit === undefined) return address;
    const number = (text: string): bigint => rangeOf(text).first;
    return textOf((number(address) & number(mask)) ^ number(bit), family);
  });
  return values.includes(undefined) ? undefined : values.join(' . ');
}
