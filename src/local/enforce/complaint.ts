import { TemporaryError } from '../../errors.ts';
import type { Finished } from '../exec.ts';

const MAX_TOLD = 300;

/** What to do about words of ipset(8), iptables(8) and nft(8), the first that is met. */
const ADVICE: readonly (readonly [words: RegExp, advice: string])[] = [
  [
    /xtables[. ]lock/i,
    'another program holds the lock of iptables, or the agent may not open /run/xtables.lock',
  ],
  [/not permitted|permission denied/i, 'the agent needs CAP_NET_ADMIN, for iptables CAP_NET_RAW too'],
  [/can't open socket to ipset/i, 'iptables needs CAP_NET_RAW to ask about sets'],
  [/is full|maxelem/i, 'there are too many addresses for the kernel: block fewer lists'],
  [/cannot allocate memory|no buffer space/i, 'the kernel has no memory for this: block fewer lists'],
  [
    /cannot open session|protocol not supported/i,
    'the kernel lacks what the tool needs: install or load its modules',
  ],
  [
    /same name already exists|type does not match|different type/i,
    '`hedgerow clear`, then `hedgerow enforce` makes it anew',
  ],
  [/not found|no such file or directory|cannot exec/i, 'is the tool installed, and whole?'],
  [/timed out/i, 'the tool hangs; it is tried again'],
];

/** The error of a tool that failed: its words, cut short and printable, and what to do about them. */
export function complaint(what: string, { code, stderr }: Pick<Finished, 'code' | 'stderr'>): TemporaryError {
  // Of a tool that was ended the last words tell why.
  const said = printable(code === -1 ? stderr.slice(-MAX_TOLD) : stderr.slice(0, MAX_TOLD * 4)).slice(
    0,
    MAX_TOLD,
  );
  const advice = ADVICE.find(([words]) => words.test(said))?.[1];
  const told = said === '' ? `exit code ${code}, and not a word` : said;
  return new TemporaryError(`${what} failed: ${told}${advice === undefined ? '' : ` (${advice})`}`);
}

/** Text of a foreign program as it may stand in a log. */
export function printable(text: string): string {
  return text.replace(/[^\x21-\x7e]+/g, ' ').trim();
}
