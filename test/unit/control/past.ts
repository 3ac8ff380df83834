import { contentKey } from '../../../src/control/commands/inverse.ts';
import { type UndoRequest, undo } from '../../../src/control/commands/undo.ts';
import { type AuditRequest, auditView } from '../../../src/control/views/audit.ts';
import type { Record, Subject, Terms } from '../../../src/policy/records.ts';
import { type House, house, how } from './two-devices.ts';

/** A house with a clock that can lose its trust, and shorthands for what was changed in it. */
export interface PastHouse extends House {
  readonly trust: { trusted: boolean };
  /** A change by this person, in order; answers the op's id. */
  change(by: string, over: readonly string[], ...add: readonly Record[]): Promise<string>;
}

export function pastHouse(): PastHouse {
  const trust = { trusted: true };
  const parts: House = { ...house(), clockTrust: () => ({ ...trust, why: 'a test' }) };
  return {
    ...parts,
    trust,
    change: async (by, over, ...add) => {
      parts.clock.advance(1_000);
      return (await parts.author.write({ by, over, add }, false)).op.id;
    },
  };
}

const domainOf = (name: string): Subject => ({ kind: 'domain', domain: name });

export function blocking(parts: House, name: string, terms: Terms = {}): Record {
  return { kind: 'block', a: { kind: 'device', id: parts.tv }, b: domainOf(name), terms, apart: [] };
}

export function allowing(parts: House, name: string, terms: Terms = {}): Record {
  return { kind: 'allow', a: { kind: 'device', id: parts.tv }, b: domainOf(name), terms };
}

/** What the live records say, each once. */
export function state(parts: House): string[] {
  return [...new Set(Array.from(parts.replica.live.values(), ({ record }) => contentKey(record)))].sort();
}

export const undoing = (parts: House, request: Partial<UndoRequest> = {}) =>
  undo(parts, { ...how, by: 'anna', count: 1, any: false, ...request }, parts.replica.recent(5_000));

export const audited = (parts: House, request: Partial<AuditRequest> = {}, before?: string) =>
  auditView(parts, { last: 50, people: false, before, ...request }, parts.replica.recent(5_001, before));
