/**
 * Keeps one plan after the other in a file, without end, and tells the number of each once it is kept: `node plan-keeper.ts PATH`.
 * Plan n blocks 120 remotes of n for one device, and none of any other number.
 */
import { systemClock } from '../../src/clock.ts';
import { PlanFile } from '../../src/local/enforce/plan-file.ts';
import { compile, type Rulebook } from '../../src/local/enforce/rulebook.ts';
import { silentLog } from '../../src/log.ts';
import { blockSet, owner } from '../unit/local/enforce/block-sets.ts';

const [, , path = ''] = process.argv;
const file = new PlanFile({ path, clock: systemClock, log: silentLog });
const slots = new Map([['1'.padStart(32, '0'), 0]]);
let last: Rulebook | undefined;
for (let n = 1; ; n++) {
  const remotes = Array.from({ length: 120 }, (_, k) => `10.${n >> 8}.${n & 255}.${k + 1}`);
  last = compile(blockSet([owner('1', ['192.168.1.20'], remotes)]), slots, { wan: [], last });
  await file.keep(String(n), { backend: 'ipset', variant: 'legacy', rulebook: last });
  if (file.problem !== undefined) throw new Error(file.problem);
  process.stdout.write(`${n}\n`);
}
