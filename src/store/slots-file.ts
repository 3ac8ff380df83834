import { renameSync } from 'node:fs';
import type { NodeId } from '../policy/block-set.ts';
import { readFileIfThere, whyNotWritable, writeAsOwner } from './files.ts';

/**
 * Which slot of the kernel's sets belongs to which owner. It must be known before the kernel hears of it and survive
 * the process, not the machine (after a reboot the kernel is empty): so it is written at once and not synced.
 * A damaged file is as good as none: the next resync gives out slots anew. On a disk that takes nothing they are known
 * until the process ends: blocking does not wait for a disk.
 */
export class SlotsFile {
  readonly #path: string;
  /** What could not be written. */
  #unwritten: ReadonlyMap<NodeId, number> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  load(): ReadonlyMap<NodeId, number> {
    if (this.#unwritten !== undefined) return this.#unwritten;
    const text = readFileIfThere(this.#path)?.toString('utf8') ?? '';
    const slots = new Map<NodeId, number>();
    for (const line of text.split('\n')) {
      const match = /^([0-9a-f]{32}) (\d{1,6})$/.exec(line);
      if (match?.[1] !== undefined) slots.set(match[1], Number(match[2]));
    }
    return new Set(slots.values()).size === slots.size ? slots : new Map();
  }

  save(slots: ReadonlyMap<NodeId, number>): void {
    const temporary = `${this.#path}.new`;
    try {
      const lines = [...slots].map(([owner, slot]) => `${owner} ${slot}\n`);
      writeAsOwner(temporary, lines.join(''), 0o600, false);
      renameSync(temporary, this.#path);
      this.#unwritten = undefined;
    } catch (error) {
      if (whyNotWritable(error) === undefined) throw error;
      this.#unwritten = slots;
    }
  }
}
