import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/policy/crypto.ts';
import { decide } from '../../../src/policy/decide.ts';
import { encodeGenesis, homeIdOf } from '../../../src/policy/genesis.ts';
import { addressNodeId, deviceId, domainNodeId } from '../../../src/policy/identity.ts';
import { decodeOp, encodeOp } from '../../../src/policy/op.ts';
import { encodeRecord } from '../../../src/policy/record-codec.ts';
import { Replica } from '../../../src/policy/replica.ts';
import { blockedPairs, situation, type Written } from '../../property/deciding.ts';
import { fold } from '../../support/fold-vector.ts';
import { crypto, genesis, key } from '../../support/household.ts';
import { type FoldVector, vectorOps, vectorRecords } from '../../support/vectors.ts';

/** Written once with scripts/vectors.ts; another implementation can be held against them (docs/protocol.md). */
const read = (file: string): unknown =>
  JSON.parse(readFileSync(join(import.meta.dirname, '../../vectors', file), 'utf8'));
const vectors = read('vectors.json') as {
  genesis: string;
  home: string;
  nodes: Record<string, string>;
  records: { name: string; bytes: string }[];
  ops: { id: string; envelope: string }[];
  digest: string;
  live: string[];
};

describe('the test vectors of the protocol', () => {
  it('hold for the genesis and the ids of nodes', () => {
    const home = homeIdOf(genesis, crypto);
    expect(toHex(encodeGenesis(genesis))).toBe(vectors.genesis);
    expect(home).toBe(vectors.home);
    expect(vectors.nodes).toEqual({
      'mac 02:00:00:00:00:01': deviceId(crypto, home, '02:00:00:00:00:01'),
      'domain ads.example': domainNodeId(crypto, home, 'ads.example'),
      'address 203.0.113.7': addressNodeId(crypto, home, '203.0.113.7'),
    });
  });

  it.each(vectorRecords)('hold for the record: $name', ({ name, record }) => {
    expect(toHex(encodeRecord(record))).toBe(vectors.records.find((vector) => vector.name === name)?.bytes);
  });

  it('hold for ops, their ids, their signatures and the digest', () => {
    const home = homeIdOf(genesis, crypto);
    const replica = new Replica({ genesis, crypto });
    expect(vectorOps.length).toBe(vectors.ops.length);
    for (const [index, { actor, draft }] of vectorOps.entries()) {
      const envelope = encodeOp({ home, ...actor }, draft, key(0).sign);
      expect(toHex(envelope)).toBe(vectors.ops[index]?.envelope);
      const decoded = decodeOp(
        fromHex(vectors.ops[index]?.envelope ?? '') ?? new Uint8Array(0),
        home,
        crypto,
      );
      expect(decoded.ok && decoded.op.id).toBe(vectors.ops[index]?.id);
      expect(replica.admit(envelope).verdict).toBe('ok');
    }
    expect(replica.digest).toBe(vectors.digest);
    expect([...replica.live.keys()].sort()).toEqual(vectors.live);
  });
});

describe('the vectors of the fold', () => {
  const folds = read('fold.json') as FoldVector[];

  it.each(folds)('hold: $name', ({ name, envelopes, ...wanted }) => {
    const bytes = envelopes.map((hex) => fromHex(hex) ?? new Uint8Array(0));
    expect(fold(name, bytes)).toMatchObject(wanted);
  });

  it('are of homes that tell something', () => {
    expect(folds.some(({ members }) => members.some(({ evicted }) => evicted))).toBe(true);
    expect(folds.some(({ envelopes, counted }) => counted.length < envelopes.length)).toBe(true);
  });
});

describe('the vectors of deciding', () => {
  const { decisions } = read('deciding.json') as {
    decisions: { live: Written[]; retired: Written[]; blocked: string[] }[];
  };

  it('hold', () => {
    for (const { live, retired, blocked } of decisions)
      expect([...blockedPairs(decide(situation(live, retired)))].sort()).toEqual(blocked);
    expect(decisions.filter(({ blocked }) => blocked.length > 0).length).toBeGreaterThan(50);
  });
});
