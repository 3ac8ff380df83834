/** Writes test/fixtures/protocol/vectors.json. Only for a new version of the format: the old vectors must go on to hold. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '../src/policy/crypto.ts';
import { encodeGenesis, homeIdOf } from '../src/policy/genesis.ts';
import { addressNodeId, deviceId, domainNodeId } from '../src/policy/identity.ts';
import { encodeOp } from '../src/policy/op.ts';
import { encodeRecord } from '../src/policy/record-codec.ts';
import { Replica } from '../src/policy/replica.ts';
import { crypto, genesis, key } from '../test/support/household.ts';
import { vectorOps, vectorRecords } from '../test/support/vectors.ts';

const home = homeIdOf(genesis, crypto);
const replica = new Replica({ genesis, crypto });
const ops = vectorOps.map(({ actor, draft }) => {
  const envelope = encodeOp({ home, ...actor }, draft, key(0).sign);
  const verdict = replica.admit(envelope);
  if (verdict.verdict !== 'ok') throw new Error(`a vector is not admitted: ${verdict.verdict}`);
  return { id: verdict.op.id, envelope: toHex(envelope) };
});
const vectors = {
  genesis: toHex(encodeGenesis(genesis)),
  home,
  founder: key(0).peer,
  nodes: {
    'mac 02:00:00:00:00:01': deviceId(crypto, home, '02:00:00:00:00:01'),
    'domain ads.example': domainNodeId(crypto, home, 'ads.example'),
    'address 203.0.113.7': addressNodeId(crypto, home, '203.0.113.7'),
  },
  records: vectorRecords.map(({ name, record }) => ({ name, bytes: toHex(encodeRecord(record)) })),
  ops,
  digest: replica.digest,
  live: [...replica.live.keys()].sort(),
};
const folder = join(import.meta.dirname, '../test/fixtures/protocol');
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'vectors.json'), `${JSON.stringify(vectors, undefined, 2)}\n`);
