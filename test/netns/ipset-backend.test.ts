import { systemClock } from '../../src/clock.ts';
import { IpsetBackend } from '../../src/local/enforce/ipset-backend.ts';
import { Iptables } from '../../src/local/enforce/iptables.ts';
import { createSlotMemory } from '../../src/local/enforce/slots.ts';
import { silentLog } from '../../src/log.ts';
import { backendContract } from '../contract/backend.ts';
import { createWorld } from './enforce-world.ts';

for (const variant of ['legacy', 'nft'] as const) {
  backendContract(`ipset with iptables-${variant}`, async () => {
    const world = await createWorld();
    const backend = new IpsetBackend({
      exec: world.router,
      clock: systemClock,
      log: silentLog,
      iptables: new Iptables(world.router, variant),
      slots: createSlotMemory(),
      wan: ['wan0'],
    });
    return {
      backend,
      passes: (device, source, remote) => world.ping(device, source, remote),
      disturb: async () => void (await world.run('router', `iptables-${variant}`, '-t', 'mangle', '-F')),
      close: () => world.close(),
    };
  });
}
