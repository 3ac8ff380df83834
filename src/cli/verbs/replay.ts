import type { CommandModule } from 'yargs';
import { keepProcessAlive, systemClock } from '../../clock.ts';
import { UsageError } from '../../errors.ts';
import { canonicalPrefix } from '../../policy/address.ts';
import { printJson } from '../output.ts';

interface Args {
  readonly file: string;
  readonly speed: string;
  readonly lan?: readonly string[] | undefined;
  readonly policies?: string | undefined;
  readonly sni: boolean;
  readonly top: number;
  readonly json: boolean;
}

/** As a shell tells that SIGINT ended a command. */
const INTERRUPTED = 130;

export const replayCapture: CommandModule<object, Args> = {
  command: 'replay <file>',
  describe: 'what an agent would have seen of a capture: devices, partners, names; enforces nothing',
  builder: (yargs) =>
    yargs
      .positional('file', { type: 'string', demandOption: true, describe: 'pcap or pcapng' })
      .option('speed', {
        choices: ['max', 'real'],
        default: 'max',
        describe: 'as fast as it goes, or as it was captured',
      })
      .option('policies', { type: 'string', describe: 'a policy book: what it would have blocked' })
      .option('lan', {
        type: 'array',
        string: true,
        describe: 'prefixes of the LAN (default: found in the capture)',
      })
      .option('sni', { type: 'boolean', default: false, describe: 'also read the server names of TLS' })
      .option('top', { type: 'number', default: 10, describe: 'partners to show for each device' })
      .example('$0 replay home.pcap', 'who talked to whom')
      .example('$0 replay home.pcap --policies policies.yaml', 'and what would have been blocked') as never,
  handler: async (args) => {
    const [{ CaptureFile }, { replay }, { rehearse }, { replayView }, { Vendors }, text] = await Promise.all([
      import('../../local/replay/capture-file.ts'),
      import('../../local/replay/replay.ts'),
      import('../../control/rehearsal.ts'),
      import('../../control/views/replay.ts'),
      import('../../local/nodes/vendors.ts'),
      import('../replay-text.ts'),
    ]);
    const lan = args.lan?.map(prefixOf);
    const { bookFrom, notOneOf } = await import('../book-on-disk.ts');
    const { policies: book } = args;
    const placed = book === undefined ? undefined : bookFrom(book);
    const file = await CaptureFile.open(args.file);
    const stop = new AbortController();
    const onInterrupt = () => stop.abort(new Error('SIGINT'));
    process.once('SIGINT', onInterrupt);
    const progress = text.progressOn(process.stderr, systemClock);
    // Between two packets nothing else is waited for.
    const alive = keepProcessAlive();
    let home: ReturnType<typeof rehearse> | undefined;
    try {
      const replayed = await replay({
        file,
        lan,
        speed: args.speed === 'real' ? 'real' : 'max',
        sni: args.sni,
        clock: systemClock,
        signal: stop.signal,
        onProgress: progress.show,
        stage: (clock, interfaces) => {
          home = rehearse({ clock, interfaces, entries: placed?.map(({ entry }) => entry) });
          const problems = home.misfits.map(({ index, message }) => ({
            line: placed?.[index]?.line ?? 1,
            message,
          }));
          if (problems.length > 0) throw notOneOf(book ?? '', problems);
          return home;
        },
      });
      progress.end();
      if (home === undefined) return;
      const vendors = new Vendors();
      const view = replayView(file, replayed, home, (mac) => vendors.vendorOf(mac));
      if (args.json) printJson(view);
      else text.printReplay(view, args.top);
      if (view.interrupted) process.exitCode = INTERRUPTED;
    } finally {
      alive.clear();
      progress.end();
      process.removeListener('SIGINT', onInterrupt);
      await file.close();
    }
  },
};

function prefixOf(text: string): string {
  const prefix = canonicalPrefix(text);
  if (prefix === undefined) throw new UsageError(`"${text}" is no prefix such as 192.168.1.0/24`);
  return prefix;
}
