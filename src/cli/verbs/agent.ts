import type { CommandModule } from 'yargs';
import type { Common } from '../ask.ts';

export const agent: CommandModule<object, Common> = {
  command: 'agent',
  describe: 'run the agent of this router until it is told to stop',
  handler: async ({ config, json }) => {
    const { serve } = await import('../serve.ts');
    await serve(config, json);
  },
};
