/** What the demo found: the report that `npm run house -- --once --json` prints. */

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface Report {
  readonly ok: boolean;
  readonly routers: readonly RouterReport[];
  readonly block: {
    /** The whole command, from the shell and back. */
    readonly command_ms: number;
    /** From the moment the agent took the command until each router's kernel had it. */
    readonly kernel_ms: Readonly<Record<string, number>>;
  };
  /** Packets of blocked flows that reached the internet after the command came back. */
  readonly leaked_packets: number;
  readonly unblocked_still_flowing: boolean;
  /** From the end of the cut until all routers had the same digest. */
  readonly heal_ms: number;
  readonly checks: readonly Check[];
}

export interface RouterReport {
  readonly name: string;
  readonly backend: string;
  readonly rss_mb: number;
  /** From the start of the process until its control socket accepted. */
  readonly ready_ms: number;
}

/** Tells what happens, line by line, and collects the checks. */
export class Telling {
  readonly checks: Check[] = [];
  readonly #write: (line: string) => void;
  readonly #colour: boolean;

  constructor(write: (line: string) => void, colour: boolean) {
    this.#write = write;
    this.#colour = colour;
  }

  /** A new chapter. */
  step(what: string): void {
    this.#write(`\n${this.#paint(1, what)}`);
  }

  /** Something that was done or seen. */
  say(what: string): void {
    this.#write(`  ${what}`);
  }

  /** Something that must hold. */
  check(name: string, ok: boolean, detail: string): void {
    this.checks.push({ name, ok, detail });
    this.#write(`  ${ok ? this.#paint(32, '✓') : this.#paint(31, '✗')} ${name}: ${detail}`);
  }

  #paint(code: number, text: string): string {
    return this.#colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}

export const ms = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
