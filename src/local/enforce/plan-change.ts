import * as z from 'zod';
import type { Family } from '../../policy/address.ts';
import type { Fill, Plan, Planned } from './backend.ts';
import { parseSave, restoreText } from './chains-text.ts';
import { letsPass } from './exceptions.ts';
import { parseSetName } from './names.ts';
import { TABLES } from './nft/names.ts';
import type { Table } from './nft/table.ts';
import { changedTable, type TableChange, tableChange } from './nft/table-change.ts';
import { chainsStep, createLine } from './plan.ts';
import { tableText } from './plan-text.ts';
import type { Rulebook } from './rulebook.ts';
import { sameShape } from './shape.ts';
import { lacking } from './union.ts';

const tableChanges = z.strictObject({ frame: z.string().optional(), elements: z.string() });
/** Of a table that may come and go: what changed of it, or all of it, or that there is none any more. */
const besideChange = z.union([tableChanges, z.strictObject({ whole: z.string().nullable() })]).optional();

/** What a plan becomes another one by: of its texts what is different. */
export const planChange = z.strictObject({
  /** `create`, `destroy`, `add` and `del` of ipset(8). */
  sets: z.string().optional(),
  /** Chains that are new or others, and `-X` of those that go, for `iptables-restore --noflush`. */
  chains: z.strictObject({ v4: z.string().optional(), v6: z.string().optional() }).optional(),
  table: tableChanges.optional(),
  bridge: besideChange,
  own: besideChange,
});
export type PlanChange = z.infer<typeof planChange>;
type BesideChange = z.infer<typeof besideChange>;

/**
 * What leads from one plan to another; empty when they are the same, undefined when only all of it will do. What did not
 * change is the same object in both, and not looked at.
 */
export function changeOf(now: Planned, want: Planned): PlanChange | undefined {
  if (now === want) return {};
  const beside = {
    bridge: besideOf(now.bridge, want.bridge, TABLES.bridged),
    own: besideOf(now.own, want.own, TABLES.own),
  };
  if (now.backend === 'nftables' && want.backend === 'nftables')
    return defined({ table: tableChange(now.table, want.table, TABLES.routed), ...beside });
  if (now.backend !== 'ipset' || want.backend !== 'ipset' || now.variant !== want.variant) return undefined;
  return defined({ ...rulebookChange(now.rulebook, want.rulebook), ...beside });
}

/** A plan after these changes, one after the other. */
export function changedPlan(plan: Plan, changes: readonly PlanChange[]): Plan {
  if (changes.length === 0) return plan;
  const beside = {
    bridge: changedBeside(
      plan.bridge,
      changes.map(({ bridge }) => bridge),
    ),
    own: changedBeside(
      plan.own,
      changes.map(({ own }) => own),
    ),
  };
  if (plan.backend === 'nftables') {
    const tables = changes.flatMap(({ table }) => table ?? []);
    return defined({ ...plan, table: changedTable(plan.table, tables), ...beside });
  }
  const sets = changes.map((one) => one.sets ?? '').join('');
  const chains = (v: 'v4' | 'v6') =>
    changedChains(
      plan.chains[v],
      changes.flatMap((one) => one.chains?.[v] ?? []),
    );
  return defined({
    ...plan,
    sets: changedFills(plan.sets, sets),
    chains: { v4: chains('v4'), v6: chains('v6') },
    ...beside,
  });
}

/** In which part of a plan the lines of a set are. */
export function partOf(name: string): { readonly family: Family; readonly part: keyof Fill } {
  const { letter, family = 4 } = parseSetName(name) ?? {};
  return {
    family,
    part: letter === 'K' ? 'known' : letter === 'H' || letsPass(name) ? 'passing' : 'blocking',
  };
}

function rulebookChange(now: Rulebook, want: Rulebook): Pick<PlanChange, 'sets' | 'chains'> {
  const lines: string[] = [];
  for (const name of now.sets.keys()) if (!want.sets.has(name)) lines.push(`destroy ${name}`);
  for (const [name, set] of want.sets) {
    const there = now.sets.get(name);
    if (there === set) continue;
    if (there === undefined) lines.push(createLine(name, set));
    for (const one of lacking(there?.elements ?? NONE, set.elements)) lines.push(`del ${name} ${one}`);
    for (const one of lacking(set.elements, there?.elements)) lines.push(`add ${name} ${one}`);
  }
  const [step] = sameShape(now.shape, want.shape) ? [] : chainsStep(now.shape, want.shape);
  return {
    sets: lines.length === 0 ? undefined : `${lines.join('\n')}\n`,
    chains: step && defined({ v4: step.texts.get(4), v6: step.texts.get(6) }),
  };
}

const NONE: ReadonlySet<string> = new Set();

function besideOf(now: Table | undefined, want: Table | undefined, name: string): BesideChange {
  if (now === want) return undefined;
  if (want === undefined) return { whole: null };
  return now === undefined ? { whole: tableText(want, name) } : tableChange(now, want, name);
}

function changedBeside(text: string | undefined, changes: readonly BesideChange[]): string | undefined {
  let base = text;
  let since: TableChange[] = [];
  for (const change of changes) {
    if (change === undefined) continue;
    if ('whole' in change) [base, since] = [change.whole ?? undefined, []];
    else since.push(change);
  }
  return base === undefined || since.length === 0 ? base : changedTable(base, since);
}

function changedChains(text: string, changes: readonly string[]): string {
  if (changes.length === 0) return text;
  const chains = new Map(parseSave(text).chains);
  for (const change of changes) {
    for (const [name, rules] of parseSave(change).chains) chains.set(name, rules);
    for (const [, name = ''] of change.matchAll(/^-X (\S+)$/gm)) chains.delete(name);
  }
  return restoreText({ chains, gone: [] });
}

/** What became of a set. */
interface Moved {
  /** Whatever it held before is gone. */
  readonly anew: boolean;
  /** Something of it was gone for a while at least. */
  less: boolean;
  readonly create: string | undefined;
  readonly elements: Map<string, 'add' | 'del'>;
}

/** Only the parts that hold one of these sets are looked through, and only where something goes. */
function changedFills(fills: Record<'v4' | 'v6', Fill>, changes: string): Record<'v4' | 'v6', Fill> {
  const moved = new Map<string, Moved>();
  for (const line of changes.split('\n')) {
    const [verb = '', name = '', element = ''] = line.split(' ', 3);
    if (line === '') continue;
    const one = moved.get(name) ?? { anew: false, less: false, create: undefined, elements: new Map() };
    moved.set(name, one);
    one.less ||= verb === 'del';
    if (verb === 'add' || verb === 'del') one.elements.set(element, verb);
    else
      moved.set(name, {
        anew: true,
        less: true,
        create: verb === 'create' ? line : undefined,
        elements: new Map(),
      });
  }
  const changed = { v4: { ...fills.v4 }, v6: { ...fills.v6 } };
  for (const v of ['v4', 'v6'] as const)
    for (const key of ['passing', 'blocking', 'known'] as const) {
      const mine = [...moved].filter(([name]) => {
        const { family, part } = partOf(name);
        return part === key && `v${family}` === v;
      });
      if (mine.length > 0) changed[v][key] = changedLines(fills[v][key], new Map(mine));
    }
  return changed;
}

function changedLines(before: string, moved: ReadonlyMap<string, Moved>): string {
  const stays = (line: string): boolean => {
    const [verb, name = '', element = ''] = line.split(' ', 3);
    const one = moved.get(name);
    return one === undefined || (!one.anew && !(verb === 'add' && one.elements.has(element)));
  };
  const goes = moved.values().some(({ less }) => less);
  const come = [...moved].flatMap(([name, { create, elements }]) => [
    ...(create === undefined ? [] : [create]),
    ...[...elements].flatMap(([element, verb]) => (verb === 'add' ? [`add ${name} ${element}`] : [])),
  ]);
  const kept = goes ? before.split('\n').filter((line) => line !== '' && stays(line)) : [before.trimEnd()];
  return [...kept, ...come, ''].join('\n').replace(/^\n/, '');
}

/** Without what is undefined: a record has only what it tells. */
function defined<T extends object>(all: T): T {
  return Object.fromEntries(Object.entries(all).filter(([, one]) => one !== undefined)) as T;
}
