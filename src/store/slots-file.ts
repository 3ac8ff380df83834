import { renameSync, writeFileSync } from 'node:fs';
import type { NodeId } from '../policy/block-set.ts';
import { readFileIfThere } from './files.ts';

/**
 * Which slot of the kernel's sets belongs to which owner. It must be known before the kernel hears of it and survive
 * the process, not the machine (after a reboot the kernel is empty): so it is written at once and not synced.
 * A damaged file is as good as none: the next resync gives out slots anew.
 */
export class SlotsFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  load(): ReadonlyMap<NodeId, number> {
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
    writeFileSync(temporary, [...slots].map(([owner, slot]) => `${owner} ${slot}\n`).join(''), {
      mode: 0o600,
    });
    renameSync(temporary, this.#path);
  }
}
