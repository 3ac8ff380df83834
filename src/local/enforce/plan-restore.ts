import { readFile } from 'node:fs/promises';
import { DataError, messageOf, UnavailableError } from '../../errors.ts';
import type { Exec } from '../exec.ts';
import { inTurn, type Plan } from './backend.ts';
import { TABLES } from './nft/names.ts';
import { restoreNft } from './nft/restore.ts';
import { changedPlan } from './plan-change.ts';
import { changesPaths, isMissing } from './plan-disk.ts';
import { checksumOf, decodeChanges, decodeChangesHead, decodePlan } from './plan-format.ts';
import { restoreIpset } from './restore-ipset.ts';

/** What is to be in force after a boot. */
export interface PlanRead {
  readonly plan: Plan;
  /** Changes since the plan was written whole that are in it. */
  readonly changes: number;
  /** What of the changes could not be read, for people: what they did is not in the plan. */
  readonly torn?: string | undefined;
}

/**
 * Puts the plan of a file in force without agent, store or network: at boot, before forwarding is on. Safe when rules
 * are in place already: what blocks only grows, and chains, exceptions, the home and the guard that are in force are left
 * alone, because the kernel is never older than the file; what is too much goes with the agent's first run. A part that fails is
 * in the way of no other. Throws DataError for a damaged file, UnavailableError for a missing file or tool, TemporaryError if a tool failed.
 */
export async function restorePlan(path: string, exec: Exec, signal: AbortSignal): Promise<PlanRead> {
  const read = await readPlan(path, signal);
  const { plan } = read;
  const beside = async (of: 'bridged' | 'own', table: string | undefined) => {
    if (table !== undefined) await restoreNft({ table }, exec, signal, TABLES[of]);
  };
  const routed = async () =>
    plan.backend === 'nftables' ? restoreNft(plan, exec, signal) : restoreIpset(plan, exec, signal);
  await inTurn(routed, () =>
    inTurn(
      () => beside('bridged', plan.bridge),
      () => beside('own', plan.own),
    ),
  );
  return read;
}

/** The plan of a file, with the changes beside it. Throws DataError for a damaged file, UnavailableError for a missing one. */
export async function readPlan(path: string, signal: AbortSignal): Promise<PlanRead> {
  const text = await readFile(path, { encoding: 'utf8', signal }).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new UnavailableError(`there is no plan to restore: ${messageOf(cause)}`, {
      cause,
      hint: 'the agent writes it after its first block',
    });
  });
  const decoded = decodePlan(text);
  if ('wrong' in decoded) {
    throw new DataError(`the plan file is damaged: ${decoded.wrong}`, {
      hint: 'start the agent: it writes a new one',
    });
  }
  const { changes, torn } = await readChanges(path, checksumOf(text), signal);
  return { plan: changedPlan(decoded.plan, changes), changes: changes.length, torn };
}

/** The changes since the plan with this checksum. Whatever is wrong with them, the plan itself counts. */
async function readChanges(path: string, plan: string | undefined, signal: AbortSignal) {
  const wrong: string[] = [];
  const found: { readonly text: string; readonly generation: number }[] = [];
  for (const one of changesPaths(path)) {
    try {
      const text = await readFile(one, { encoding: 'utf8', signal });
      const head = decodeChangesHead(text);
      if (head === undefined) wrong.push(`${one} is no file of changes`);
      else if (head.plan === plan) found.push({ text, generation: head.generation });
    } catch (error) {
      signal.throwIfAborted();
      if (!isMissing(error)) wrong.push(messageOf(error));
    }
  }
  const [newest] = found.sort((a, b) => b.generation - a.generation);
  return newest === undefined ? { changes: [], torn: wrong[0] } : decodeChanges(newest.text);
}
