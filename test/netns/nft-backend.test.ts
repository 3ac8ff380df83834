import { systemClock } from '../../src/clock.ts';
import { NftBackend } from '../../src/local/enforce/nft/nft-backend.ts';
import { silentLog } from '../../src/log.ts';
import { backendContract } from '../contract/backend.ts';
import { createWorld } from './enforce-world.ts';

backendContract('nftables', async () => {
  const world = await createWorld();
  const backend = new NftBackend({
    exec: world.router,
    clock: systemClock,
    log: silentLog,
    wan: ['wan0'],
    why: 'a test',
  });
  return {
    backend,
    passes: (device, source, remote) => world.ping(device, source, remote),
    disturb: async () => void (await world.run('router', 'nft', 'flush', 'ruleset')),
    close: () => world.close(),
  };
});
