import { FakeBackend } from '../../../../src/local/enforce/fake-backend.ts';
import { backendContract, world } from '../../../contract/backend.ts';

backendContract('fake', async () => {
  const backend = new FakeBackend();
  return {
    backend,
    passes: async (device, source, remote) => !backend.blocks(source, remote, world[device].mac),
    disturb: async () => backend.disturb(),
    close: async () => undefined,
  };
});
