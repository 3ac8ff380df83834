import type { Mac, NodeId } from './block-set.ts';
import type { Classes } from './classes.ts';

/** Two devices that may be one, and why one could think so. For a person to decide, never done alone. */
export interface Proposal {
  readonly x: NodeId;
  readonly y: NodeId;
  readonly evidence: readonly string[];
}

export interface Candidate {
  readonly id: NodeId;
  readonly macs: readonly Mac[];
  /** What it calls itself. */
  readonly names: readonly string[];
}

/** Names that say nothing about which device it is. */
const GENERIC =
  /^(android|iphone|ipad|espressif|esp[-_]?[0-9a-f]*|localhost|unknown|linux|debian|raspberrypi|openwrt|router)$/i;
const MAX_PROPOSALS = 100;

/** A phone makes up its MAC (IEEE 802: the locally administered bit of the first octet is set). */
export function isRandomised(mac: Mac): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 2) === 2;
}

/**
 * Devices that call themselves the same, where at least one has a made-up MAC or there are just the two of that name.
 * Those that are the same already, or that a person has said are not, are left out.
 */
export function proposalsFor(
  candidates: Iterable<Candidate>,
  classes: Classes,
  areDistinct: (x: NodeId, y: NodeId) => boolean,
): Proposal[] {
  const byName = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    for (const name of new Set(candidate.names.map((one) => one.toLowerCase()))) {
      if (!GENERIC.test(name)) byName.set(name, [...(byName.get(name) ?? []), candidate]);
    }
  }
  const proposals = new Map<string, Proposal>();
  for (const [name, same] of byName) {
    for (const [n, x] of same.entries()) {
      for (const y of same.slice(n + 1)) {
        const made = [x, y].filter(({ macs }) => macs.some(isRandomised)).length;
        if ((made === 0 && same.length > 2) || proposals.size >= MAX_PROPOSALS) continue;
        if (classes.shown(x.id).has(y.id) || areDistinct(x.id, y.id)) continue;
        const evidence = [`both call themselves "${name}"`];
        if (made > 0) evidence.push(made === 2 ? 'both have made-up MACs' : 'one has a made-up MAC');
        const key = [x.id, y.id].sort().join(' ');
        const held = proposals.get(key)?.evidence ?? [];
        proposals.set(key, { x: x.id, y: y.id, evidence: [...new Set([...held, ...evidence])] });
      }
    }
  }
  return [...proposals.values()];
}
