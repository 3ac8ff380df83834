import type { CommandModule } from 'yargs';
import type { AuditEntry, AuditView } from '../../control/views/audit.ts';
import { ask, type Common } from '../ask.ts';
import { harmless, paint, printJson, printLine } from '../output.ts';

interface Args extends Common {
  readonly last: number;
  readonly by?: string | undefined;
  readonly about?: string | undefined;
  readonly since?: string | undefined;
  readonly before?: string | undefined;
  readonly people: boolean;
}

/** The agent is asked for so many at a time: it has other things to do as well. */
const PAGE = 250;

export const audit: CommandModule<object, Args> = {
  command: 'audit',
  describe: 'who changed what, when and on which router, newest first',
  builder: (yargs) =>
    yargs
      .option('last', { type: 'number', default: 50, describe: 'how many changes' })
      .option('by', { type: 'string', describe: 'only those of this person' })
      .option('about', {
        type: 'string',
        describe: 'only those about a device, a domain, a group …, or the policy or change with this id',
      })
      .option('since', { type: 'string', describe: 'only those of this long: 2h, 7d' })
      .option('before', { type: 'string', describe: 'go on after the change with this id' })
      .option('people', {
        type: 'boolean',
        default: false,
        describe: 'leave out what routers did without being asked',
      })
      .example('$0 audit --about tv --since 7d', 'what was changed about the TV this week') as never,
  handler: async (args) => {
    const filter = {
      ...(args.by === undefined ? {} : { by: args.by }),
      ...(args.about === undefined ? {} : { about: args.about }),
      ...(args.since === undefined ? {} : { since: await seconds(args.since) }),
      people: args.people,
    };
    const entries: AuditEntry[] = [];
    let left = args.last;
    let before = args.before;
    do {
      const page = await ask<AuditView>(args, 'audit', {
        ...filter,
        last: Math.min(left, PAGE),
        ...(before === undefined ? {} : { before }),
      });
      if (args.json) entries.push(...page.entries);
      else for (const entry of page.entries) printLine(lineOf(entry));
      left -= page.entries.length;
      before = page.next;
    } while (left > 0 && before !== undefined);
    if (args.json) printJson({ entries, next: before });
    else if (left === args.last) printLine('no such changes');
    else if (before !== undefined) printLine(paint('dim', `older ones: hedgerow audit --before ${before}`));
  },
};

async function seconds(text: string): Promise<number> {
  const { parseFor } = await import('../../control/durations.ts');
  return parseFor(text);
}

function lineOf(entry: AuditEntry): string {
  const { id, at, trusted, by, router, automatic } = entry;
  const when = `${localTime(at)}${trusted ? '' : ' (clock not trusted)'}`;
  const line = harmless(`${when}  ${by} on ${router}: ${whatOf(entry)}`);
  const shown = automatic || !entry.counts ? paint('dim', line) : line;
  return [paint('dim', id.slice(0, 8)), shown, ...marksOf(entry).map((mark) => paint('yellow', mark))].join(
    '  ',
  );
}

/** `block tv – ads.example instead of allow tv – ads.example`, `lift block tv – ads.example`. */
function whatOf({ made, replaced, undoes }: AuditEntry): string {
  const undone = undoes === undefined ? '' : `undo ${undoes.slice(0, 8)}: `;
  if (made.length === 0) return `${undone}${replaced.length === 0 ? 'nothing' : `lift ${listed(replaced)}`}`;
  return `${undone}${listed(made)}${replaced.length === 0 ? '' : `, instead of ${listed(replaced)}`}`;
}

function listed(words: readonly string[]): string {
  const more = words.length > 4 ? [`${words.length - 4} more`] : [];
  return [...words.slice(0, 4), ...more].join('; ');
}

function marksOf({ undoneBy, counts, forked, sharedInvitation }: AuditEntry): string[] {
  return [
    ...(undoneBy === undefined ? [] : [`undone by ${undoneBy.slice(0, 8)}`]),
    ...(counts ? [] : ['does not count: its router was evicted']),
    ...(forked ? ['two copies of this router have been writing'] : []),
    ...(sharedInvitation ? ['its invitation let in another router as well'] : []),
  ];
}

/** `2026-11-21 15:10` where the person is. */
function localTime(iso: string): string {
  const at = new Date(iso);
  const two = (n: number) => String(n).padStart(2, '0');
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}`;
}
