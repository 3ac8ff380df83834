import type { Log } from '../../log.ts';
import type { Exec } from '../exec.ts';
import type { Family } from './conntrack-reading.ts';
import { tryRun } from './try-run.ts';

/** Names that only we use; neither is one of enforcement's. */
const TABLE = 'hedgerow_track';
const CHAIN = 'HEDGEROW-TRACK';

/**
 * How one family is tracked by one tool. The chain is called from nowhere: the kernel begins to track when a rule with a
 * connection's state is loaded (nft_ct.c, xt_conntrack.c), and no packet ever meets it.
 */
interface Tool {
  readonly name: string;
  /** Twice is the same as once. */
  set(family: Family): Command;
  has(family: Family): Command;
  remove(family: Family): Command;
}
interface Command {
  readonly argv: readonly string[];
  readonly input?: string;
}

const NFT: Tool = {
  name: 'nft',
  set(family) {
    const table = `${family === 4 ? 'ip' : 'ip6'} ${TABLE}`;
    const input = `add table ${table}
flush table ${table}
add chain ${table} track
add rule ${table} track ct state new comment "Hedgerow: connections are tracked"
`;
    return { argv: ['nft', '-f', '-'], input };
  },
  has: (family) => ({ argv: ['nft', 'list', 'table', family === 4 ? 'ip' : 'ip6', TABLE] }),
  remove: (family) => ({ argv: ['nft', 'delete', 'table', family === 4 ? 'ip' : 'ip6', TABLE] }),
};

/** In the table that enforcement uses too, so that no further one costs packets time. */
const IPTABLES: Tool = {
  name: 'iptables',
  set: (family) => restore(family, `:${CHAIN} - [0:0]\n-A ${CHAIN} -m conntrack --ctstate NEW`),
  has: (family) => ({ argv: [family === 4 ? 'iptables' : 'ip6tables', '-t', 'mangle', '-S', CHAIN] }),
  remove: (family) => restore(family, `-F ${CHAIN}\n-X ${CHAIN}`),
};

function restore(family: Family, lines: string): Command {
  const argv = [family === 4 ? 'iptables-restore' : 'ip6tables-restore', '-w', '5', '--noflush'];
  return { argv, input: `*mangle\n${lines}\nCOMMIT\n` };
}

const TOOLS = [NFT, IPTABLES];
const FAMILIES: readonly Family[] = [4, 6];

/**
 * A kernel with neither NAT nor a rule about connections tracks none, which is so for IPv6 in most homes. One rule of our
 * own, per family, makes it, also where another does already and may go; it decides nothing about any packet, and goes when the
 * agent stops.
 */
export class TrackingRule {
  readonly #exec: Exec;
  readonly #log: Log;
  readonly #held = new Map<Family, Tool>();
  #lastError: string | undefined;

  constructor(exec: Exec, log: Log) {
    this.#exec = exec;
    this.#log = log;
  }

  /** The families for which our rule is there, and by which tool, in words. */
  get told(): readonly string[] {
    return [...this.#held].map(([family, { name }]) => `IPv${family} (${name})`);
  }

  /** Why the rule could not be made. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Takes over what an earlier run left behind. */
  async adopt(signal: AbortSignal): Promise<void> {
    const look = async (family: Family, tool: Tool) => {
      if ((await this.#run(tool.has(family), signal)) === undefined) this.#held.set(family, tool);
    };
    await Promise.all(FAMILIES.flatMap((family) => TOOLS.map((tool) => look(family, tool))));
  }

  /** Makes the rule where it is missing; the tool is chosen by doing. Failing is told, not thrown. */
  async ensure(family: Family, signal: AbortSignal): Promise<void> {
    const held = this.#held.get(family);
    if (held !== undefined && (await this.#run(held.has(family), signal)) === undefined) return;
    for (const tool of TOOLS) {
      // Noted first: an end in the middle must not leave it.
      this.#held.set(family, tool);
      this.#lastError = await this.#run(tool.set(family), signal);
      if (this.#lastError === undefined) {
        this.#log.info({ family, tool: tool.name }, 'the kernel was asked to track connections');
        return;
      }
      this.#held.delete(family);
    }
  }

  /** Takes ours away. */
  async remove(signal?: AbortSignal): Promise<void> {
    const held = [...this.#held];
    this.#held.clear();
    for (const [family, tool] of held) await this.#run(tool.remove(family), signal);
  }

  /** What went wrong; undefined when it worked. */
  async #run({ argv, input }: Command, signal?: AbortSignal): Promise<string | undefined> {
    const { code, stderr } = await tryRun(this.#exec, argv, { input, timeoutMs: 2_000, signal });
    return code === 0 ? undefined : `${argv[0]}: ${stderr.trim().split('\n')[0]?.slice(0, 200) || code}`;
  }
}
