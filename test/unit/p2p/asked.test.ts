import { expect, it } from 'vitest';
import { MAX_ABOUT_BYTES, MAX_ABOUT_OPS } from '../../../src/p2p/about-wire.ts';
import { Asked, type Knowledge } from '../../../src/p2p/asked.ts';

const key = (i: number) => i.toString(16).padStart(64, '0');
const [A, B, D1, D2] = [key(1), key(2), 'd1'.repeat(32), 'd2'.repeat(32)];

it('tells a peer of those it asked for and we hear, of each once what changes', () => {
  const asked = new Asked();
  expect(asked.ask([A, B])).toEqual([A, B]);
  const known: Knowledge = { ageMs: 100, digest: D1, applied: D1, recent: [key(9)], told: 1 };
  const first = (peer: string, told: number) => (peer === A && told === 0 ? known : undefined);
  expect(asked.answers(first)).toEqual([{ peer: A, ageMs: 100, digest: D1, applied: D1, recent: [key(9)] }]);
  const after = (peer: string, told: number) =>
    peer === A ? { ...known, ageMs: 50, applied: D2, recent: told === 1 ? [] : [key(9)] } : undefined;
  expect(asked.answers(after)).toEqual([{ peer: A, ageMs: 50, digest: undefined, applied: D2, recent: [] }]);
});

it('knows what is new in a question, and tells everything again to one that asks again', () => {
  const asked = new Asked();
  asked.ask([A]);
  const known = () => ({ ageMs: 0, digest: D1, applied: D1, recent: [], told: 0 });
  asked.answers(known);
  expect(asked.ask([A, B])).toEqual([B]);
  expect(asked.ask([A, B])).toEqual([]);
  expect(asked.answers(known).map(({ digest }) => digest)).toEqual([undefined, D1]);
  expect(asked.ask([])).toEqual([]);
  expect(asked.has(A)).toBe(false);
  expect(asked.answers(known)).toEqual([]);
  expect(asked.ask([A])).toEqual([A]);
  expect(asked.answers(known)[0]?.digest).toBe(D1);
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
    const answers = asked.answers(known);
    const bytes = answers.reduce((sum, { recent }) => sum + 112 + 34 * recent.length, 0);
    expect(bytes).toBeLessThanOrEqual(MAX_ABOUT_BYTES + 64 * 72);
    for (const { peer, recent } of answers) told.set(peer, (told.get(peer) ?? 0) + recent.length);
  }
  expect([...told.values()]).toEqual(peers.map(() => MAX_ABOUT_OPS));
});
