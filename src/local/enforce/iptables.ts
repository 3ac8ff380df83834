import { messageOf, UnavailableError } from '../../errors.ts';
import type { Family } from '../../policy/address.ts';
import type { Exec, Finished } from '../exec.ts';
import type { IptablesVariant } from './backend.ts';
import { type Found, parseSave } from './chains-text.ts';
import { complaint } from './complaint.ts';
import { ROOT, TABLE } from './names.ts';
import { FAMILIES } from './rulebook.ts';

const TIMEOUT_MS = 30_000;
/** Another tool may hold the lock of the tables for so long, seconds. */
const LOCK_WAIT = '10';

/**
 * Legacy first: an unblocked packet keeps 0.85 of its rate with the MAC gate, with the nft variant 0.77. The plain
 * name last, for systems that have only one and do not say which.
 */
export const VARIANTS: readonly IptablesVariant[] = ['legacy', 'nft', 'plain'];

/** One of the machine's iptables, by its explicit name (iptables(8), xtables-legacy(8), xtables-nft(8)). */
export class Iptables {
  readonly variant: IptablesVariant;
  readonly #exec: Exec;

  constructor(exec: Exec, variant: IptablesVariant) {
    this.#exec = exec;
    this.variant = variant;
  }

  /** For people. */
  get label(): string {
    return this.variant === 'plain' ? 'iptables' : `iptables-${this.variant}`;
  }

  /** The text of our table; with `counted`, each rule's packets and bytes. Throws TemporaryError or UnavailableError. */
  async save(family: Family, signal: AbortSignal, counted = false): Promise<string> {
    const argv = [this.#command(family, 'save'), ...(counted ? ['-c'] : []), '-t', TABLE];
    return this.#checked(await this.#exec.run(argv, { timeoutMs: TIMEOUT_MS, signal }), argv).stdout;
  }

  async found(signal: AbortSignal): Promise<Readonly<Record<Family, Found>>> {
    const [v4, v6] = await Promise.all([this.save(4, signal), this.save(6, signal)]);
    return { 4: parseSave(v4), 6: parseSave(v6) };
  }

  /**
   * One transaction per family, both at once; chains not named stay as they are. When one fails, both have ended
   * before it is told: what comes next must not be overtaken.
   */
  async restore(texts: ReadonlyMap<Family, string>, signal: AbortSignal): Promise<void> {
    const runs = await Promise.allSettled(
      [...texts].map(async ([family, input]) => {
        const argv = this.restoreCommand(family);
        this.#checked(await this.#exec.run(argv, { input, timeoutMs: TIMEOUT_MS, signal }), argv);
      }),
    );
    for (const run of runs) if (run.status === 'rejected') throw run.reason;
  }

  /** The command that runs transactions of its input, each of which leaves the chains that it does not name as they are. */
  restoreCommand(family: Family): readonly string[] {
    return [this.#command(family, 'restore'), '-w', LOCK_WAIT, '--noflush'];
  }

  #command(family: Family, verb: 'save' | 'restore'): string {
    const base = family === 4 ? 'iptables' : 'ip6tables';
    return this.variant === 'plain' ? `${base}-${verb}` : `${base}-${this.variant}-${verb}`;
  }

  #checked(finished: Finished, argv: readonly string[]): Finished {
    if (finished.code === 0) return finished;
    throw complaint(argv[0] ?? '', finished);
  }
}

/**
 * Chooses an iptables by doing, not by version: the one in which our chains already are, else the first in which a
 * pair of unhooked chains that use set and MAC can be made and removed. `probeSet` names existing sets of hash:ip.
 * Throws UnavailableError with what each of them said.
 */
export async function chooseIptables(
  exec: Exec,
  probeSet: Readonly<Record<Family, string>>,
  signal: AbortSignal,
): Promise<Iptables> {
  const said: string[] = [];
  const attempt = async <T>(work: Promise<T>): Promise<T | undefined> => {
    try {
      return await work;
    } catch (error) {
      signal.throwIfAborted();
      said.push(messageOf(error));
      return undefined;
    }
  };
  const candidates: { iptables: Iptables; ours: boolean }[] = [];
  for (const variant of VARIANTS) {
    // The plain name is one of the other two.
    if (variant === 'plain' && candidates.length > 0) break;
    const iptables = new Iptables(exec, variant);
    const found = await attempt(iptables.found(signal));
    if (found === undefined) continue;
    candidates.push({ iptables, ours: FAMILIES.some((family) => found[family].chains.has(ROOT)) });
  }
  candidates.sort((a, b) => Number(b.ours) - Number(a.ours));
  for (const { iptables, ours } of candidates) {
    // Where our chains stand it has been done already.
    if (ours || (await attempt(probe(iptables, probeSet, signal).then(() => true)))) return iptables;
  }
  throw new UnavailableError(`no iptables works here: ${said.join('; ')}`, {
    hint: 'install iptables; the agent needs CAP_NET_ADMIN',
  });
}

async function probe(
  iptables: Iptables,
  probeSet: Readonly<Record<Family, string>>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await iptables.restore(
      texts((family) => probeText(probeSet[family])),
      signal,
    );
  } finally {
    await iptables.restore(
      texts(() => cleanText),
      signal,
    );
  }
}

function texts(text: (family: Family) => string): ReadonlyMap<Family, string> {
  return new Map(FAMILIES.map((family) => [family, text(family)]));
}

const PROBE_HEAD = `*${TABLE}\n:HR-Probe - [0:0]\n:HR-ProbeTo - [0:0]\n`;
const cleanText = `${PROBE_HEAD}-X HR-Probe\n-X HR-ProbeTo\nCOMMIT\n`;

function probeText(set: string): string {
  const rules = [
    `-A HR-Probe -m set --match-set ${set} src -g HR-ProbeTo`,
    '-A HR-Probe -m mac --mac-source 02:00:00:00:00:01 -j DROP',
  ];
  return `${PROBE_HEAD}${rules.join('\n')}\nCOMMIT\n`;
}
