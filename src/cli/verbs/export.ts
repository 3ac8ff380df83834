import type { CommandModule } from 'yargs';
import type { ExportView } from '../../control/views/export.ts';
import { several } from '../../control/views/held-words.ts';
import { ask, type Common } from '../ask.ts';
import { printJson, printLine } from '../output.ts';

interface Args extends Common {
  readonly file?: string | undefined;
}

export const exportBook: CommandModule<object, Args> = {
  command: 'export [file]',
  describe: 'write the policy book as YAML: readable, the same text for the same policies, no secrets',
  builder: (yargs) =>
    yargs
      .positional('file', { type: 'string', describe: 'where to (default: the terminal)' })
      .example('$0 export policies.yaml', 'keep it, compare it, carry it to another home') as never,
  handler: async (args) => {
    const view = await ask<ExportView>(args, 'export');
    if (args.json && args.file === undefined) {
      printJson(view);
      return;
    }
    const [{ writeBook }, { replaceFile }] = await Promise.all([
      import('../../control/book/file.ts'),
      import('../book-on-disk.ts'),
    ]);
    const entries = view.entries.map(({ entry }) => entry);
    const text = writeBook(entries, view);
    if (args.file === undefined) {
      process.stdout.write(text);
      return;
    }
    replaceFile(args.file, text);
    if (args.json) printJson({ file: args.file, entries: entries.length, left: view.left });
    else printLine(`${several(entries.length, 'entry', 'entries')} written to ${args.file}`);
  },
};
