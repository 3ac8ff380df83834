import type { CommandModule } from 'yargs';
import type { PeerRow } from '../../control/views/peers.ts';
import { ask, type Common } from '../ask.ts';
import { duration, printJson, printTable } from '../output.ts';

export const peers: CommandModule<object, Common> = {
  command: 'peers',
  describe: 'the other routers of the home, and whether they are in step',
  handler: async (args) => {
    const view = await ask<PeerRow[]>(args, 'peers');
    if (args.json) printJson(view);
    else {
      printTable(
        ['ROUTER', 'STATE', 'SINCE', 'IN STEP', 'IN KERNEL', 'RTT', 'ADDRESS'],
        view.map((peer) => [
          peer.router,
          peer.state,
          duration(peer.sinceSeconds),
          peer.inStep === undefined ? '?' : peer.inStep ? 'yes' : 'no',
          peer.applied ? 'yes' : 'no',
          peer.rttMs === undefined ? '–' : `${peer.rttMs.toFixed(1)} ms`,
          peer.address ?? '–',
        ]),
        'this router is alone in its home',
      );
    }
  },
};
