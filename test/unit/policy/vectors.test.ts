import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/policy/crypto.ts';
import { encodeGenesis, homeIdOf } from '../../../src/policy/genesis.ts';
import { addressNodeId, deviceId, domainNodeId } from '../../../src/policy/identity.ts';
import { decodeOp, encodeOp } from '../../../src/policy/op.ts';
import { encodeRecord } from '../../../src/policy/record-codec.ts';
import { Replica } from '../../../src/policy/replica.ts';
import { crypto, genesis, key } from '../../support/household.ts';
import { vectorOps, vectorRecords } from '../../support/vectors.ts';

/** Written once with scripts/vectors.ts; another implementation can be held against them (docs/protocol.md). */
const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/protocol/vectors.json'), 'utf8'),
) as {
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
