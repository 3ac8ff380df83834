import type { CommandModule } from 'yargs';
import { heldWords, several } from '../../control/views/held-words.ts';
import type { PolicyView } from '../../control/views/policies.ts';
import { shortId } from '../../control/views/shown.ts';
import { ask, type Common } from '../ask.ts';
import { bytes, printJson, printTable } from '../output.ts';

export const policies: CommandModule<object, Common> = {
  command: 'policies',
  describe: 'what is blocked and excepted, for how long, by whom, and whether this router enforces it',
  handler: async (args) => {
    const view = await ask<PolicyView[]>(args, 'policies');
    if (args.json) printJson(view);
    else {
      printTable(
        ['ID', 'POLICY', 'TIME', 'BY', 'ON', 'SINCE', 'HERE', 'DROPPED', 'ALSO AFFECTS'],
        view.map((policy) => [
          shortId(policy.id),
          pair(policy),
          policy.time,
          policy.by,
          policy.router,
          policy.at.slice(0, 16).replace('T', ' '),
          heldWords(policy),
          dropped(policy),
          others(policy),
        ]),
        'nothing is blocked',
      );
    }
  },
};

function pair({ kind, a, b }: PolicyView): string {
  if (kind === 'unknown') return 'unknown';
  return kind === 'ignore' ? `ignore ${a.label}` : `${kind} ${a.label} – ${b.label}`;
}

/** Nothing where this router cannot tell. */
function dropped({ here: { dropped: counts } }: PolicyView): string {
  if (counts === undefined) return '';
  return counts.packets === 0 ? '0' : `${several(counts.packets, 'packet')}, ${bytes(counts.bytes)}`;
}

function others({ alsoAffects, alsoAffectsMore }: PolicyView): string {
  const shown = alsoAffects.slice(0, 3);
  const more = alsoAffects.length - shown.length + alsoAffectsMore;
  return shown.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
