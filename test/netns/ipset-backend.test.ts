import { systemClock } from '../../src/clock.ts';
import { IpsetBackend } from '../../src/local/enforce/ipset-backend.ts';
import { Iptables } from '../../src/local/enforce/iptables.ts';
import { createSlotMemory } from '../../src/local/enforce/slots.ts';
import { silentLog } from '../../src/log.ts';
import { backendContract } from '../contract/backend.ts';
import { kernelHarness } from './kernel-harness.ts';

for (const variant of ['legacy', 'nft'] as const) {
  backendContract(
    `ipset with iptables-${variant}`,
    kernelHarness(
      (exec) =>
        new IpsetBackend({
          exec,
          clock: systemClock,
          log: silentLog,
          iptables: new Iptables(exec, variant),
          slots: createSlotMemory(),
          wan: ['wan0'],
        }),
      [`iptables-${variant}`, '-t', 'mangle', '-F'],
    ),
  );
}
