import { TemporaryError } from '../../../errors.ts';
import type { Exec } from '../../exec.ts';
import type { NftPlan } from '../backend.ts';
import { BASE, TABLE, TABLES } from './names.ts';
import { listTable, transact } from './nft.ts';
import { OWN_BASES } from './own.ts';
import { sized } from './plan.ts';
import { parseListing } from './read.ts';
import { putNew } from './staged.ts';

/**
 * Puts the table of a plan in force. A table that is at work already is left alone: the kernel is never older than the file.
 * Throws TemporaryError or UnavailableError.
 */
export async function restoreNft(
  plan: Pick<NftPlan, 'table'>,
  exec: Exec,
  signal: AbortSignal,
  table = TABLE,
): Promise<void> {
  const text = await listTable(exec, true, signal, table);
  const found = text === undefined ? undefined : parseListing(text, table.split(' '));
  if (text !== undefined && found === undefined) throw new TemporaryError('nft printed what is no listing');
  const base = table === TABLES.own ? OWN_BASES.out : BASE;
  if ((found?.chains.get(base)?.rules.length ?? 0) > 0) return;
  const commands = plan.table.trimEnd().split('\n');
  await (found?.there ? transact(exec, commands, signal) : putNew(exec, sized(commands), signal, true));
}
