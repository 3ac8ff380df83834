import type { CommandModule } from 'yargs';
import { makePolicy, type PolicyArgs, policyOptions } from '../policy.ts';

export const allow: CommandModule<object, PolicyArgs> = {
  command: 'allow <what> [from]',
  describe: 'make an exception to wider blocks; what was blocked for just this pair is lifted',
  builder: (yargs) =>
    policyOptions(yargs, 'what it may reach all the same')
      .example('$0 allow tablet school.example', 'although the internet is blocked for it')
      .example('$0 allow tv tracker.example --for 2h', 'although nobody else reaches it') as never,
  handler: (args) => makePolicy(args, 'allow'),
};
