import { systemClock } from '../../src/clock.ts';
import { IpsetBackend } from '../../src/local/enforce/ipset-backend.ts';
import { Iptables } from '../../src/local/enforce/iptables.ts';
import { createSlotMemory } from '../../src/local/enforce/slots.ts';
import { silentLog } from '../../src/log.ts';
import { backendContract } from '../contract/backend.ts';
import { kernelHarness } from './kernel-harness.ts';

/** Without a table for bridges; iptables-legacy and nftables have one beside them in enforce-same-switch.test.ts, as in an agent. */
backendContract(
  'ipset with iptables-nft',
  kernelHarness(
    (exec) =>
      new IpsetBackend({
        exec,
        clock: systemClock,
        log: silentLog,
        iptables: new Iptables(exec, 'nft'),
        slots: createSlotMemory(),
        wan: ['wan0'],
      }),
    ['iptables-nft', '-t', 'mangle', '-F'],
  ),
);
