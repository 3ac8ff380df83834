import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathsOf } from '../config.ts';
import type { Config } from '../config-schema.ts';
import { DataError } from '../errors.ts';
import { createCrypto } from '../p2p/keys.ts';
import { homeIdOf } from '../policy/genesis.ts';
import { checkStore } from '../store/check.ts';
import { openDatabase } from '../store/database.ts';
import { readHomeFile } from '../store/home-file.ts';
import type { CareProgress, CareReport } from './store-care.ts';
import { careReport } from './store-tasks.ts';

/**
 * Checks the store of a router whose agent does not run. Nothing is written: the folder is as it was before. DataError
 * when there is no store, when it cannot be opened, or when an agent has it open after all.
 */
export async function* checkWithoutAgent(
  config: Config,
  signal: AbortSignal,
): AsyncGenerator<CareProgress, CareReport> {
  const paths = pathsOf(config);
  const file = readHomeFile(paths.home);
  if (file === undefined || !existsSync(join(paths.store, 'CURRENT'))) {
    throw new DataError(`there is no store in ${paths.store}`, {
      hint: 'hedgerow agent makes one; name the configuration of the agent with --config',
    });
  }
  const crypto = createCrypto();
  const database = await openDatabase(paths.store);
  try {
    return careReport(
      yield* checkStore(database, { home: homeIdOf(file.genesis, crypto), crypto, signal }),
      [],
    );
  } finally {
    // It was not settled: what LevelDB changed when it was opened is put back.
    await database.close();
  }
}
