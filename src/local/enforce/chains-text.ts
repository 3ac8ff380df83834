import type { Chains } from './chains.ts';
import { HOOK, isOurChain, JUMP, ROOT, TABLE } from './names.ts';
import type { Kind, Shape, SlotShape } from './shape.ts';

/** What `iptables-save` shows of our part of the kernel, and of the chain that we are called from. */
export interface Found {
  readonly chains: Chains;
  /** Positions of our jump in the hook chain, counted from 1. */
  readonly jumps: readonly number[];
}

/** Reads the output of `iptables-save -t mangle`. Anything that is not ours is passed over. */
export function parseSave(text: string): Found {
  const chains = new Map<string, string[]>();
  const jumps: number[] = [];
  let position = 0;
  for (const line of text.split('\n')) {
    const declared = /^:(\S+)/.exec(line)?.[1];
    if (declared !== undefined && isOurChain(declared)) chains.set(declared, []);
    // With -c the line begins with [packets:bytes].
    const [, name = '', rule] = /^(?:\[\d+:\d+\] )?-A (\S+) (.*)$/.exec(line) ?? [];
    if (name === HOOK) {
      position += 1;
      if (rule === `-j ${ROOT}`) jumps.push(position);
    }
    chains.get(name)?.push(`-A ${name} ${rule}`);
  }
  return { chains, jumps };
}

/** True if both texts are the same rules; some versions print MACs in capitals. */
export function sameRules(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.join('\n').toLowerCase() === b.join('\n').toLowerCase();
}

/** The slots that chains found in the kernel ask for, with the MACs that lead to them and the kinds they ask for. */
export function shapeFound(found: Found): Shape {
  const slots = new Map<number, SlotShape>();
  for (const name of found.chains.keys()) {
    const slot = /^HR-Od(\d{1,9})$/.exec(name)?.[1];
    if (slot === undefined) continue;
    const rules = found.chains.get('HR-M') ?? [];
    const mine = new RegExp(`--mac-source (\\S+) -[jg] HR-Od${slot}$`);
    const macs = rules.flatMap((rule) => mine.exec(rule)?.[1]?.toLowerCase() ?? []);
    const kinds = new Set((found.chains.get(name) ?? []).flatMap((one) => kindOf(one) ?? []));
    slots.set(Number(slot), { macs: new Set(macs), shared: false, kinds });
  }
  return { wan: [], slots };
}

function kindOf(rule: string): Kind | undefined {
  const [, not, letter] = /-m set (! )?--match-set hedge-(a|an|n|H)\d*-[46] /.exec(rule) ?? [];
  if (letter === 'H') return not === undefined ? 'lan' : 'internet';
  return letter === 'a' || letter === 'an' || letter === 'n' ? letter : undefined;
}

/**
 * Input of `iptables-restore --noflush`: one transaction that empties and fills `chains` and removes `gone`.
 * `unhook` is the number of jumps to take away.
 */
export function restoreText(work: {
  readonly chains: Chains;
  readonly gone: readonly string[];
  readonly unhook?: number;
}): string {
  const { chains, gone, unhook = 0 } = work;
  const lines = [`*${TABLE}`];
  for (const name of [...chains.keys(), ...gone]) lines.push(`:${name} - [0:0]`);
  for (const rules of chains.values()) lines.push(...rules);
  for (let jump = 0; jump < unhook; jump++) lines.push(REMOVE_JUMP);
  for (const name of gone) lines.push(`-X ${name}`);
  lines.push(COMMIT);
  return lines.join('\n');
}

/**
 * The same transaction, and the jump in the first place of its chain, once. `jumps` are the positions at which it was
 * found: where it stands as it should it is left alone.
 */
export function addJump(text: string, jumps: readonly number[]): string {
  if (jumps.length === 1 && jumps[0] === 1) return text;
  const lines = [...jumps.map(() => REMOVE_JUMP), INSERT_JUMP, COMMIT];
  return text.slice(0, -COMMIT.length) + lines.join('\n');
}

const COMMIT = 'COMMIT\n';
const REMOVE_JUMP = JUMP.replace('-A', '-D');
const INSERT_JUMP = JUMP.replace(`-A ${HOOK}`, `-I ${HOOK} 1`);
