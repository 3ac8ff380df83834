import type { Found } from '../../../../src/local/enforce/chains-text.ts';
import type { Step } from '../../../../src/local/enforce/plan.ts';
import { type Family, PrefixSet } from '../../../../src/policy/address.ts';

/** A forwarded packet. */
export interface Packet {
  readonly from: string;
  readonly to: string;
  readonly source: string;
  readonly destination: string;
  readonly mac?: string;
}

/**
 * A model of the two tools and of what the kernel does with their rules: enough of ipset(8) and iptables(8) for the
 * rules that Hedgerow writes, with their errors (adding twice, deleting what is not there, destroying what is in use).
 */
export class KernelModel {
  readonly sets = new Map<string, { type: string; elements: Set<string> }>();
  /** Sets of prefixes, ready to be asked; forgotten when a set changes. */
  readonly #prefixes = new Map<ReadonlySet<string>, PrefixSet>();
  readonly chains: Record<Family, Map<string, string[]>> = { 4: empty(), 6: empty() };

  /** Runs a step one line, or one transaction, at a time; `after` is called after each. */
  run(step: Step, options: { exist?: boolean; after?: () => void } = {}): void {
    if (step.kind === 'sets') {
      for (const line of step.lines) {
        this.ipset(line, options.exist ?? false);
        options.after?.();
      }
      return;
    }
    for (const [family, text] of step.texts) {
      this.restore(family, text);
      options.after?.();
    }
  }

  ipset(line: string, exist: boolean): void {
    const [verb = '', name = '', third = ''] = line.split(' ');
    const set = this.sets.get(name);
    const must = (condition: boolean): void => {
      if (!condition) throw new Error(`ipset: ${line}`);
    };
    if (verb === 'create') {
      must(exist || set === undefined);
      if (set === undefined) this.sets.set(name, { type: third, elements: new Set() });
      return;
    }
    if (set === undefined) throw new Error(`ipset: no such set: ${line}`);
    this.#prefixes.delete(set.elements);
    if (verb === 'add') {
      must(exist || !set.elements.has(third));
      set.elements.add(third);
    } else if (verb === 'del') must(set.elements.delete(third) || exist);
    else if (verb === 'swap') {
      const other = this.sets.get(third);
      if (other === undefined) throw new Error(`ipset: no such set: ${line}`);
      this.sets.set(name, other).set(third, set);
    } else if (verb === 'destroy') {
      const used = Object.values(this.chains).some((chains) =>
        [...chains.values()].flat().some((rule) => rule.includes(` ${name} `)),
      );
      must(!used);
      this.sets.delete(name);
    } else must(false);
  }

  restore(family: Family, text: string): void {
    const chains = new Map([...this.chains[family]].map(([name, rules]) => [name, [...rules]]));
    for (const line of text.split('\n')) {
      const [verb = '', name = '', ...rest] = line.split(' ');
      const rules = chains.get(name) ?? [];
      if (verb.startsWith(':')) chains.set(verb.slice(1), []);
      else if (verb === '-A') rules.push(line);
      else if (verb === '-I') rules.unshift(`-A ${name} ${rest.slice(1).join(' ')}`);
      else if (verb === '-D') {
        const at = rules.indexOf(`-A ${name} ${rest.join(' ')}`);
        if (at < 0) throw new Error(`iptables: no such rule: ${line}`);
        rules.splice(at, 1);
      } else if (verb === '-X') chains.delete(name);
    }
    for (const rule of [...chains.values()].flat()) {
      const target = / -[jg] (\S+)$/.exec(rule)?.[1] ?? '';
      if (!['DROP', 'RETURN', 'ACCEPT'].includes(target) && !chains.has(target))
        throw new Error(`iptables: no chain ${target}`);
      for (const [, set = ''] of rule.matchAll(/--match-set (\S+)/g))
        if (!this.sets.has(set)) throw new Error(`iptables: no set ${set}`);
    }
    this.chains[family] = chains;
  }

  /** What `ipset list -t` and `iptables-save` would show. */
  look(): { sizes: ReadonlyMap<string, number>; found: Record<Family, Found> } {
    const found = (family: Family): Found => {
      const ours = [...this.chains[family]].filter(([name]) => name !== 'FORWARD');
      const forward = this.chains[family].get('FORWARD') ?? [];
      const jumps = forward.flatMap((rule, at) => (rule === '-A FORWARD -j HEDGEROW' ? [at + 1] : []));
      return { chains: new Map(ours), jumps };
    };
    const sizes = new Map([...this.sets].map(([name, { elements }]) => [name, elements.size]));
    return { sizes, found: { 4: found(4), 6: found(6) } };
  }

  drops(packet: Packet): boolean {
    const family = packet.source.includes(':') ? 6 : 4;
    return this.#walk(family, 'FORWARD', packet) === 'DROP';
  }

  #walk(family: Family, name: string, packet: Packet): 'DROP' | 'RETURN' {
    for (const rule of this.chains[family].get(name) ?? []) {
      const parsed = parseRule(rule);
      if (!this.#matches(parsed, packet)) continue;
      if (parsed.target === 'DROP' || parsed.target === 'RETURN') return parsed.target;
      const verdict = this.#walk(family, parsed.target, packet);
      if (verdict === 'DROP' || parsed.how === 'g') return verdict;
    }
    return 'RETURN';
  }

  #matches(rule: Rule, packet: Packet): boolean {
    for (const { not, side, device } of rule.devices)
      if (((side === 'i' ? packet.from : packet.to) === device) === not) return false;
    for (const { not, set, way } of rule.sets)
      if (this.#has(set, way === 'src' ? packet.source : packet.destination) === not) return false;
    return rule.mac === undefined || rule.mac === packet.mac;
  }

  #has(name: string, address: string): boolean {
    const set = this.sets.get(name);
    if (set === undefined) throw new Error(`a rule uses the set ${name}, which is not there`);
    if (set.type === 'hash:ip') return set.elements.has(address);
    const prefixes = this.#prefixes.get(set.elements) ?? new PrefixSet(set.elements);
    this.#prefixes.set(set.elements, prefixes);
    return prefixes.has(address);
  }
}

interface Rule {
  readonly devices: readonly { not: boolean; side: string; device: string }[];
  readonly sets: readonly { not: boolean; set: string; way: string }[];
  readonly mac: string | undefined;
  readonly how: string;
  readonly target: string;
}

const parsed = new Map<string, Rule>();

function parseRule(rule: string): Rule {
  const known = parsed.get(rule);
  if (known !== undefined) return known;
  const [, how = '', target = ''] = / -([jg]) (\S+)$/.exec(rule) ?? [];
  const devices = [...rule.matchAll(/(! )?-([io]) (\S+)/g)];
  const sets = [...rule.matchAll(/(! )?--match-set (\S+) (src|dst)/g)];
  const fresh = {
    devices: devices.map(([, not, side = '', device = '']) => ({ not: not !== undefined, side, device })),
    sets: sets.map(([, not, set = '', way = '']) => ({ not: not !== undefined, set, way })),
    mac: /--mac-source (\S+)/.exec(rule)?.[1],
    how,
    target,
  };
  parsed.set(rule, fresh);
  return fresh;
}

function empty(): Map<string, string[]> {
  return new Map([['FORWARD', ['-A FORWARD -j ACCEPT']]]);
}
