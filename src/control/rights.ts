import { readFileSync } from 'node:fs';

/** What an agent needs of root, by bit and with what it is for (capabilities(7)). */
export const CAPABILITIES = {
  CAP_NET_ADMIN: { bit: 12n, without: 'this router only observes' },
  CAP_NET_RAW: {
    bit: 13n,
    without: 'no names are captured, and iptables cannot ask about sets: only nftables blocks',
  },
} as const;
export type Capability = keyof typeof CAPABILITIES;

/** Whom a process is, and which of {@link CAPABILITIES} it lacks. */
export interface Rights {
  /** The number of the user; undefined where there are none. */
  readonly uid: number | undefined;
  readonly lacks: readonly Capability[];
}

/** Of this process. */
export function rightsHeld(): Rights {
  return { uid: process.getuid?.(), lacks: lacking(statusText()) };
}

/** What the text of proc_pid_status(5) lacks; everything when it does not tell. */
export function lacking(status: string): Capability[] {
  const effective = /^CapEff:\s*([0-9a-f]{1,16})$/m.exec(status)?.[1] ?? '0';
  const held = BigInt(`0x${effective}`);
  return (Object.keys(CAPABILITIES) as Capability[]).filter(
    (name) => ((held >> CAPABILITIES[name].bit) & 1n) === 0n,
  );
}

function statusText(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch {
    return '';
  }
}
