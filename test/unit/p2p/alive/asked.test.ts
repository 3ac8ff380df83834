import { expect, it } from 'vitest';
import { MAX_ABOUT_BYTES, MAX_ABOUT_OPS } from '../../../../src/p2p/alive/about-wire.ts';
import { Asked, type Knowledge } from '../../../../src/p2p/alive/asked.ts';

const key = (i: number) => i.toString(16).padStart(64, '0');
const [A, B, D1, D2] = [key(1), key(2), 'd1'.repeat(32), 'd2'.repeat(32)];
const quiet: Knowledge = { ageMs: 100, digest: D1, applied: D1, recent: [], told: 0 };
const peersOf = (answers: readonly { peer: string }[]) => answers.map(({ peer }) => peer);

it('tells a peer of those it asked for and we hear, of each once what changes', () => {
  const asked = new Asked();
  expect(asked.ask([A, B])).toEqual([A, B]);
  expect(asked.peers).toEqual([A, B]);
  const known: Knowledge = { ageMs: 100, digest: D1, applied: D1, recent: [key(9)], told: 1 };
  const first = (peer: string, told: number) => (peer === A && told === 0 ? known : undefined);
  expect(asked.answers(first, 0, 0)).toEqual([
    { peer: A, ageMs: 100, digest: D1, applied: D1, recent: [key(9)] },
  ]);
  const after = (peer: string, told: number) =>
    peer === A ? { ...known, ageMs: 50, applied: D2, recent: told === 1 ? [] : [key(9)] } : undefined;
  expect(asked.answers(after, 1, 0)).toEqual([
    { peer: A, ageMs: 50, digest: undefined, applied: D2, recent: [] },
  ]);
});

it('repeats an age only when it was not said for long enough, and says news at once', () => {
  const asked = new Asked();
  asked.ask([A, B]);
  const known = (peer: string) =>
    peer === A ? quiet : { ...quiet, recent: [key(9)], told: 1, applied: D2, digest: D2 };
  const after = (peer: string) => ({ ...known(peer), recent: [] });
  expect(peersOf(asked.answers(known, 1_000, 0))).toEqual([A, B]);
  expect(asked.answers(after, 1_900, 900)).toEqual([]);
  expect(asked.hasTold(900)).toBe(false);
  // Its replica alone is no news: its kernel follows within milliseconds, or its age is due.
  const other = (peer: string) => ({ ...after(peer), ...(peer === A ? { digest: D2 } : { applied: D1 }) });
  expect(asked.answers(other, 1_950, 950)).toEqual([
    { peer: B, ageMs: 100, digest: undefined, applied: D1, recent: [] },
  ]);
  expect(asked.hasTold(1_000)).toBe(true);
  expect(asked.answers(other, 2_000, 1_000)).toEqual([
    { peer: A, ageMs: 100, digest: D2, applied: undefined, recent: [] },
  ]);
  expect(asked.hasTold(1_949)).toBe(false);
});

it('has nothing to say again of one that we do not hear any more', () => {
  const asked = new Asked();
  asked.ask([A]);
  expect(asked.answers(() => undefined, 0, 0)).toEqual([]);
  expect(asked.hasTold(9_000)).toBe(false);
  asked.answers(() => quiet, 1_000, 0);
  expect(asked.answers(() => undefined, 3_000, 2_000)).toEqual([]);
  expect(asked.hasTold(2_999)).toBe(false);
});

it('knows what is new in a question, and tells everything again to one that asks again', () => {
  const asked = new Asked();
  asked.ask([A]);
  const known = () => ({ ...quiet, ageMs: 0 });
  asked.answers(known, 0, 0);
  expect(asked.ask([A, B])).toEqual([B]);
  expect(asked.ask([A, B])).toEqual([]);
  expect(asked.answers(known, 0, 0).map(({ digest }) => digest)).toEqual([undefined, D1]);
  expect(asked.ask([])).toEqual([]);
  expect(asked.has(A)).toBe(false);
  expect(asked.answers(known, 0, 0)).toEqual([]);
  expect(asked.ask([A])).toEqual([A]);
  expect(asked.answers(known, 0, 0)[0]?.digest).toBe(D1);
});

it('says with a later frame what does not fit, and loses nothing of it', () => {
  const asked = new Asked();
  const peers = Array.from({ length: 64 }, (_, i) => key(i));
  asked.ask(peers);
  const ops = Array.from({ length: MAX_ABOUT_OPS }, (_, i) => key(1_000 + i));
  const known = (_: string, told: number): Knowledge => ({
    ageMs: 1_000,
    digest: D1,
    applied: D2,
    recent: told === 0 ? ops : [],
    told: ops.length,
  });
  const told = new Map<string, number>();
  for (let i = 0; i < 10 && told.size < 64; i++) {
    const answers = asked.answers(known, i, i);
    const bytes = answers.reduce((sum, { recent }) => sum + 112 + 34 * recent.length, 0);
    expect(bytes).toBeLessThanOrEqual(MAX_ABOUT_BYTES + 64 * 72);
    for (const { peer, recent } of answers) told.set(peer, (told.get(peer) ?? 0) + recent.length);
  }
  expect([...told.values()]).toEqual(peers.map(() => MAX_ABOUT_OPS));
});
