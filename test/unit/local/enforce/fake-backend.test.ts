import { TemporaryError } from '../../../../src/errors.ts';
import { FakeBackend } from '../../../../src/local/enforce/fake-backend.ts';
import { backendContract, world } from '../../../contract/backend.ts';

backendContract('fake', async () => {
  const backend = new FakeBackend();
  return {
    backend,
    passes: async (device, source, remote) => !backend.blocks(source, remote, world[device].mac),
    disturb: async () => backend.disturb(),
    fail: (fails) => backend.fail(fails ? new TemporaryError('it does not work') : undefined),
    close: async () => undefined,
  };
});
