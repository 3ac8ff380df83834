import { systemClock } from '../../src/clock.ts';
import type { Backend } from '../../src/local/enforce/backend.ts';
import { IpsetBackend } from '../../src/local/enforce/ipset-backend.ts';
import { Iptables } from '../../src/local/enforce/iptables.ts';
import { NftBackend } from '../../src/local/enforce/nft/nft-backend.ts';
import { SameSwitch } from '../../src/local/enforce/same-switch.ts';
import { createSlotMemory } from '../../src/local/enforce/slots.ts';
import type { Exec } from '../../src/local/exec.ts';
import { silentLog } from '../../src/log.ts';
import { backendContract } from '../contract/backend.ts';
import { kernelHarness } from './kernel-harness.ts';

const common = { clock: systemClock, log: silentLog, wan: ['wan0'], why: 'a test' };

/** What is routed is judged with the table for bridges beside as it is without; enforce-bridge.test.ts asks the bridge itself. */
const beside = (open: (exec: Exec) => Backend) => (exec: Exec) =>
  new SameSwitch(open(exec), { exec, why: '', table: new NftBackend({ ...common, exec, of: 'bridged' }) });

backendContract(
  'nftables and a table for bridges',
  kernelHarness(
    beside((exec) => new NftBackend({ ...common, exec })),
    ['nft', 'flush', 'ruleset'],
  ),
);

backendContract(
  'ipset and a table for bridges',
  kernelHarness(
    beside((exec) => {
      const iptables = new Iptables(exec, 'legacy');
      return new IpsetBackend({ ...common, exec, iptables, slots: createSlotMemory() });
    }),
    ['iptables-legacy', '-t', 'mangle', '-F'],
  ),
);
