import { systemClock } from '../../src/clock.ts';
import { NftBackend } from '../../src/local/enforce/nft/nft-backend.ts';
import { silentLog } from '../../src/log.ts';
import { backendContract } from '../contract/backend.ts';
import { kernelHarness } from './kernel-harness.ts';

backendContract(
  'nftables',
  kernelHarness(
    (exec) => new NftBackend({ exec, clock: systemClock, log: silentLog, wan: ['wan0'], why: 'a test' }),
    ['nft', 'flush', 'ruleset'],
  ),
);
