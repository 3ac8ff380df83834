import type { CommandModule } from 'yargs';
import { makePolicy, type PolicyArgs, policyOptions } from '../policy.ts';

export const block: CommandModule<object, PolicyArgs> = {
  command: 'block <what> [from]',
  describe: 'block a device from something, or something for the whole home, on every router',
  builder: (yargs) =>
    policyOptions(
      yargs,
      'what it should not reach: a domain, *.domain, an address, a network, a device, a group, internet, lan',
    )
      .example('$0 block tv ads.example', 'the TV does not reach ads.example any more')
      .example('$0 block tracker.example', 'nobody does')
      .example('$0 block kids --schedule "mon-fri 21:00-07:00"', 'no internet for the group at night')
      .example('$0 block camera lan --confirm 90s', 'try it; it ends by itself') as never,
  handler: (args) => makePolicy(args, 'block'),
};
