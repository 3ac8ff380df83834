import type { Family } from '../../../policy/address.ts';
import { FAMILIES } from '../rulebook.ts';
import { sameMembers } from '../shape.ts';
import { bridgeBase } from './bridge.ts';
import {
  BASE,
  type HitLetter,
  hitName,
  inRound,
  type Judged,
  markOf,
  PRIORITY,
  SELF,
  type SetLetter,
  setName,
} from './names.ts';
import { type OwnPorts, ownBase, passesWide } from './own.ts';
import type { ChainPlan } from './table.ts';

/** What a wide owner has: `n` networks or excepted ones, `i` the internet, `l` the LAN; together, in this order. */
export type Kinds = string;

/** All that the chains depend on; elements of sets are not part of it. */
export interface Shape {
  readonly of: Judged;
  /** Interfaces towards the internet, possibly none. */
  readonly wan: readonly string[];
  /** Of the router itself, which alone asks for them. */
  readonly ports: OwnPorts;
  /** The most owners that one address, or one MAC, has; MACs 0 if no owner has one. */
  readonly rounds: number;
  readonly macRounds: number;
  readonly kinds: ReadonlySet<Kinds>;
  /** The lengths of prefixes in use. */
  readonly networks: Readonly<Record<Family, ReadonlySet<number>>>;
  readonly exceptedNetworks: Readonly<Record<Family, ReadonlySet<number>>>;
}

/** True if the chains and the sets of both are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  const lengths = (of: 'networks' | 'exceptedNetworks'): boolean =>
    FAMILIES.every((family) => sameMembers(a[of][family], b[of][family]));
  return (
    a.of === b.of &&
    a.wan.join(' ') === b.wan.join(' ') &&
    a.rounds === b.rounds &&
    a.macRounds === b.macRounds &&
    sameMembers(a.kinds, b.kinds) &&
    lengths('networks') &&
    lengths('exceptedNetworks')
  );
}

/** Out: the owner sends. In: it receives. Mac: it sends, from an address that nobody has seen. */
type Way = 'o' | 'i' | 'm';
const WAYS: readonly Way[] = ['o', 'i', 'm'];

/**
 * The chains of the table (design page enforce.md). For each family: pairs behind the gate `r`, then owners with
 * something wide by a map to their kinds' chain, then unknown sources by their MAC. A return is a return, never an accept: it
 * leaves the packet to the other rounds, the other direction and the other tables.
 */
export function chainsOf(shape: Shape): ReadonlyMap<string, ChainPlan> {
  const chains = new Map<string, ChainPlan>();
  const add: Add = (name, rules) => void chains.set(name, { hook: undefined, rules });
  for (const family of FAMILIES) {
    for (const way of WAYS) {
      const rounds = way === 'm' ? shape.macRounds : shape.rounds;
      for (let round = 0; round < rounds; round++) {
        add(inRound(`pairs${family}_${way}`, round), pairs(shape, family, way, round));
        for (const kinds of shape.kinds)
          add(wideName(family, way, kinds, round), wide(shape, family, way, kinds, round));
      }
      if (rounds > 0) drops(shape, family, way, add);
    }
    entries(shape, family, add);
  }
  if (shape.of === 'bridged') bridgeBase(chains);
  else if (shape.of === 'own') ownBase(shape, chains, PRIORITY);
  else base(shape, chains);
  return chains;
}

type Add = (name: string, rules: readonly string[]) => void;

export function wideName(family: Family, way: Way, kinds: Kinds, round: number): string {
  return inRound(`wide${family}_${kinds}_${way}`, round);
}

/** The fields of a packet that hold the owner's key and the far address; the router's key is the same in each packet of its own. */
function fields({ of }: Shape, family: Family, way: Way): { near: string; far: string; pair: string } {
  const ip = family === 4 ? 'ip' : 'ip6';
  const [end, far] =
    way === 'o'
      ? [`${ip} saddr`, `${ip} daddr`]
      : way === 'i'
        ? [`${ip} daddr`, `${ip} saddr`]
        : ['ether saddr', `${ip} daddr`];
  const near = of === 'own' ? `${end} & ${family === 4 ? '0.0.0.0' : '::'} ^ ${SELF[family]}` : end;
  return { near, far, pair: `${near} . ${far}` };
}

/** The set of this letter for this way: those by MAC end in `m`. */
function owned(letter: 'l' | 'p' | 'a' | 'n' | 'an' | 'x', family: Family, way: Way, round: number): string {
  const name: SetLetter = way === 'm' ? `${letter}m` : letter;
  return `@${setName(name, family, round)}`;
}

function dropName(letter: 'p' | 'n' | 'i' | 'l' | 'e', family: Family, way: Way, length?: number): string {
  return `drop_${letter}${family}_${way}${length === undefined ? '' : `_${length}`}`;
}

/** What is blocked for an owner address by address, or for everyone. */
function pairs(shape: Shape, family: Family, way: Way, round: number): string[] {
  const { near, far, pair } = fields(shape, family, way);
  const set = (letter: SetLetter) => `@${setName(letter, family)}`;
  const everyone = `goto ${dropName('e', family, way)}`;
  return [
    `${far} ${set('u')} return`,
    `${pair} ${owned('a', family, way, round)} return`,
    `${pair} ${owned('p', family, way, round)} goto ${dropName('p', family, way)}`,
    // What is blocked for everyone is blocked for devices.
    ...(shape.of === 'own'
      ? []
      : [`${near} ${owned('l', family, way, round)} ${far} ${set('e')} ${everyone}`]),
    // Nobody's address in the home. Owners have been asked in the line before, and their exceptions above it.
    ...(way !== 'm' && round === 0 && shape.of !== 'own'
      ? [`${near} ${set('h')} ${far} ${set('e')} ${everyone}`]
      : []),
  ];
}

/** What is blocked for an owner beyond addresses. Those have been asked for before; longest prefixes first, they count. */
function wide(shape: Shape, family: Family, way: Way, kinds: Kinds, round: number): string[] {
  const { near, far, pair } = fields(shape, family, way);
  const home = `@${setName('h', family)}`;
  const rules = [
    `${far} @${setName('u', family)} return`,
    `${pair} ${owned('a', family, way, round)} return`,
    ...(shape.of === 'own' && way !== 'm' ? passesWide(way, shape) : []),
  ];
  if (kinds.includes('n')) {
    rules.push(`${pair} ${owned('x', family, way, round)} return`);
    for (const length of longestFirst(shape.exceptedNetworks[family]))
      rules.push(`${near} . ${masked(far, length, family)} ${owned('an', family, way, round)} return`);
    for (const length of longestFirst(shape.networks[family]))
      rules.push(
        `${near} . ${masked(far, length, family)} ${owned('n', family, way, round)} goto ${dropName('n', family, way, length)}`,
      );
  }
  if (kinds.includes('i')) rules.push(`${far} != ${home} goto ${dropName('i', family, way)}`);
  if (kinds.includes('l')) rules.push(`${far} ${home} goto ${dropName('l', family, way)}`);
  return rules;
}

function longestFirst(lengths: ReadonlySet<number>): number[] {
  return [...lengths].sort((a, b) => b - a);
}

/** The prefix of this length around an address, in the form of `encodePrefix`. */
function masked(far: string, length: number, family: Family): string {
  const { mask, bit } = markOf(length, family);
  return `${far} & ${mask} ^ ${bit}`;
}

/** Counting is a rule of its own: in one rule with the drop a set that is full would let packets pass. */
function drops(shape: Shape, family: Family, way: Way, add: Add): void {
  const { near, far, pair } = fields(shape, family, way);
  const drop = (letter: 'p' | 'n' | 'i' | 'l' | 'e', key: string, length?: number): void => {
    const hit: HitLetter = way === 'm' && letter !== 'e' ? `${letter}m` : letter;
    add(dropName(letter, family, way, length), [
      `update @${hitName(hit, family)} { ${key} }`,
      'counter drop',
    ]);
  };
  drop('p', pair);
  drop('e', far);
  const has = (kind: string): boolean => [...shape.kinds].some((kinds) => kinds.includes(kind));
  if (has('i')) drop('i', near);
  if (has('l')) drop('l', near);
  for (const length of shape.networks[family]) drop('n', `${near} . ${masked(far, length, family)}`, length);
}

/** The ways into the other chains, one for packets from devices and one for packets to them. */
function entries(shape: Shape, family: Family, add: Add): void {
  const rounds = (count: number, rule: (round: number) => string): string[] =>
    Array.from({ length: count }, (_, round) => rule(round));
  const set = (letter: SetLetter, round = 0) => `@${setName(letter, family, round)}`;
  const some = shape.kinds.size > 0;
  const asked = (way: Way, map: 's' | 'd' | 'sm', count: number): string[] => {
    const { near, far } = fields(shape, family, way);
    return [
      ...rounds(count, (round) => `${far} ${set('r')} jump ${inRound(`pairs${family}_${way}`, round)}`),
      ...(some ? rounds(count, (round) => `${near} vmap ${set(map, round)}`) : []),
    ];
  };
  const source = fields(shape, family, 'o').near;
  const byMac = shape.macRounds > 0;
  if (byMac) add(`mac${family}`, asked('m', 'sm', shape.macRounds));
  add(`out${family}`, [
    ...asked('o', 's', shape.rounds),
    ...(byMac ? [`${source} != ${set('k')} jump mac${family}`] : []),
  ]);
  add(`in${family}`, asked('i', 'd', shape.rounds));
}

/**
 * The chain at the hook. "Not one of several" with wildcards cannot be said in a rule, so several interfaces towards the
 * internet get a chain per side that returns for each of them. With none every packet is looked at from both sides.
 */
function base({ wan }: Shape, chains: Map<string, ChainPlan>): void {
  const names = [...wan].sort().map((one) => `"${one.replace(/\+$/, '*')}"`);
  const rules: string[] = [];
  for (const [field, way, chain] of [
    ['iifname', 'out', 'from_lan'],
    ['oifname', 'in', 'to_lan'],
  ] as const) {
    const go = `meta nfproto vmap { ipv4 : jump ${way}4, ipv6 : jump ${way}6 }`;
    if (names.length === 0) rules.push(go);
    else if (names.length === 1) rules.push(`${field} != ${names[0]} ${go}`);
    else {
      chains.set(chain, { hook: undefined, rules: [...names.map((one) => `${field} ${one} return`), go] });
      rules.push(`jump ${chain}`);
    }
  }
  chains.set(BASE, { hook: `type filter hook forward priority ${PRIORITY}; policy accept;`, rules });
}
