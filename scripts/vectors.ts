/**
 * Writes test/vectors: vectors.json (bytes), fold.json (what counts), deciding.json (what is blocked). Only for a new version of the format: the old vectors must go on to hold.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { toHex } from '../src/policy/crypto.ts';
import { decide } from '../src/policy/decide.ts';
import { encodeGenesis, homeIdOf } from '../src/policy/genesis.ts';
import { addressNodeId, deviceId, domainNodeId } from '../src/policy/identity.ts';
import { encodeOp } from '../src/policy/op.ts';
import { encodeRecord } from '../src/policy/record-codec.ts';
import { Replica } from '../src/policy/replica.ts';
import {
  blockedPairs,
  membership,
  policy,
  same,
  situation,
  things,
  written,
} from '../test/property/deciding.ts';
import { fold } from '../test/support/fold-vector.ts';
import { crypto, genesis, key } from '../test/support/household.ts';
import { foldStories, vectorOps, vectorRecords } from '../test/support/vectors.ts';

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
const folds = foldStories().map(({ name, envelopes }) => fold(name, envelopes));

/** What lives, what was retired (edges that blocks may hold on to), and which device is then cut from which address. */
const deciding = fc.sample(
  fc.tuple(
    fc.array(policy, { minLength: 1, maxLength: 5 }),
    fc.array(fc.oneof(membership, same), { maxLength: 3 }),
    fc.array(same, { maxLength: 1 }),
  ),
  { numRuns: 200, seed: 20_261_121 },
);
const decisions = deciding.map(([policies, edges, gone]) => {
  const [live, retired] = [written([...policies, ...edges]), written(gone, 'g')];
  return { live, retired, blocked: [...blockedPairs(decide(situation(live, retired)))].sort() };
});

const folder = join(import.meta.dirname, '../test/vectors');
mkdirSync(folder, { recursive: true });
const write = (file: string, value: unknown) =>
  writeFileSync(join(folder, file), `${JSON.stringify(value, undefined, 1)}\n`);
write('vectors.json', vectors);
write('fold.json', folds);
write('deciding.json', { nodes: things, decisions });
