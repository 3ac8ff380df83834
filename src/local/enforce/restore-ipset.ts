import type { Family } from '../../policy/address.ts';
import type { Exec } from '../exec.ts';
import type { Fill, IpsetPlan } from './backend.ts';
import { addJump, parseSave, sameRules } from './chains-text.ts';
import { isPassing } from './exceptions.ts';
import { listSizes, restoreInputs } from './ipset.ts';
import { Iptables } from './iptables.ts';
import { parseSetName, ROOT, temporaryName } from './names.ts';
import { FAMILIES } from './rulebook.ts';

/**
 * Puts a plan in force: the sets, then the chains that ask for them. Chains that are hooked in as the plan has them are left
 * alone. Throws TemporaryError or UnavailableError; a later attempt copes with whatever this one has left.
 */
export async function restoreIpset(plan: IpsetPlan, exec: Exec, signal: AbortSignal): Promise<void> {
  const iptables = new Iptables(exec, plan.variant);
  const found = await iptables.found(signal);
  const texts = new Map<Family, string>();
  for (const [family, chains] of [
    [4, plan.chains.v4],
    [6, plan.chains.v6],
  ] as const) {
    const { chains: there, jumps } = found[family];
    const root = parseSave(chains).chains.get(ROOT) ?? [];
    const hooked = jumps[0] === 1 && sameRules(there.get(ROOT) ?? [], root);
    if (!hooked) texts.set(family, addJump(chains, jumps));
  }
  const sizes = texts.size === FAMILIES.length ? new Map() : await listSizes(exec, signal);
  const inputs = FAMILIES.map((family) => {
    const fill = family === 4 ? plan.sets.v4 : plan.sets.v6;
    return texts.has(family) ? inForce(fill) : beside(fill, sizes);
  });
  await restoreInputs(exec, inputs, signal);
  await iptables.restore(texts, signal);
}

/**
 * Where chains are written, the exceptions and the home are those of the plan and no others, the home from one moment
 * to the next: there may be rules at work that another program has put ours behind.
 */
function inForce({ passing, blocking, known }: Fill): string {
  const homes: string[] = [];
  const lines = [...linesOf(passing)].flatMap(({ line, verb, name }) => {
    const isHome = parseSetName(name)?.letter === 'H';
    if (verb !== 'create') return [isHome ? line.replace(name, temporaryName(name)) : line];
    if (isPassing(name)) return [line, `flush ${name}`];
    if (!isHome) return [line];
    const other = temporaryName(name);
    homes.push(`swap ${other} ${name}`, `destroy ${other}`);
    return [line, line.replace(name, other), `flush ${other}`];
  });
  const flushed = linesOf(known).flatMap(({ line, verb, name }) =>
    verb === 'create' ? [line, `flush ${name}`] : [line],
  );
  return `${text(lines)}${blocking}${text(flushed)}${text(homes)}`;
}

/**
 * Where chains stay, what lets pass (exceptions, known addresses, the guard, the home to whoever is cut from the internet) is
 * left as it is: an old element would let through what is blocked by now. Only an empty home and an empty guard are filled,
 * which somebody has emptied: without them everything would be cut.
 */
function beside({ passing, blocking, known }: Fill, sizes: ReadonlyMap<string, number>): string {
  const stays = (part: string): string =>
    text(
      linesOf(part).flatMap(({ line, verb, name }) => {
        const emptied = ['H', 'U'].includes(parseSetName(name)?.letter ?? '') && (sizes.get(name) ?? 0) === 0;
        return verb === 'create' || emptied ? [line] : [];
      }),
    );
  return `${stays(passing)}${blocking}${stays(known)}`;
}

function linesOf(part: string): { readonly line: string; readonly verb: string; readonly name: string }[] {
  return part.split('\n').flatMap((line) => {
    const [verb = '', name = ''] = line.split(' ', 2);
    return line === '' ? [] : [{ line, verb, name }];
  });
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
