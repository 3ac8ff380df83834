import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { IpsetPlan } from '../../src/local/enforce/backend.ts';
import { chainsOf } from '../../src/local/enforce/chains.ts';
import { restoreText } from '../../src/local/enforce/chains-text.ts';
import { decodePlan, encodePlan } from '../../src/local/enforce/plan-format.ts';
import { restoreIpset } from '../../src/local/enforce/restore-ipset.ts';
import { fillOf } from '../../src/local/enforce/resync.ts';
import { compile, FAMILIES } from '../../src/local/enforce/rulebook.ts';
import { assignSlots } from '../../src/local/enforce/slots.ts';
import type { Exec } from '../../src/local/exec.ts';
import type { BlockSet } from '../../src/policy/block-set.ts';
import { KernelModel } from '../unit/local/enforce/kernel-model.ts';
import { ScriptedExec } from '../unit/local/enforce/scripted-exec.ts';
import { aBlockSet, expected, PACKETS, wans } from '../unit/local/enforce/small-world.ts';

/** Each run looks at some thousand packets. */
const RUNS = 40;
const { signal } = new AbortController();

function planOf(want: BlockSet, wan: readonly string[]): IpsetPlan {
  const rulebook = compile(want, assignSlots(new Map(), want.owners.keys()), { wan });
  const chains = (family: 4 | 6) => restoreText({ chains: chainsOf(rulebook.shape, family), gone: [] });
  return {
    ...{ backend: 'ipset', variant: 'legacy' },
    sets: { v4: fillOf(rulebook, 4), v6: fillOf(rulebook, 6) },
    chains: { v4: chains(4), v6: chains(6) },
  };
}

/** The tools on a kernel, of which the power goes after so many lines. */
function machine(kernel: KernelModel, lines = Number.POSITIVE_INFINITY): Exec {
  let left = lines;
  const use = (): void => {
    left -= 1;
    if (left < 0) throw new Error('the power has gone');
  };
  return new ScriptedExec((argv, input = '') => {
    const family = argv.startsWith('ip6') ? 6 : 4;
    if (argv.includes('-save')) {
      const text = [...kernel.chains[family]].flatMap(([name, rules]) => [`:${name} - [0:0]`, ...rules]);
      return { stdout: text.join('\n') };
    }
    if (argv === 'ipset list -t') {
      const sizes = [...kernel.look().sizes];
      return { stdout: sizes.map(([name, size]) => `Name: ${name}\nNumber of entries: ${size}\n`).join('') };
    }
    if (argv === 'ipset -exist restore')
      for (const line of input.trimEnd().split('\n')) {
        use();
        const [verb, name = ''] = line.split(' ');
        if (verb === 'flush') kernel.sets.get(name)?.elements.clear();
        else kernel.ipset(line, true);
      }
    else {
      use();
      kernel.restore(family, input);
    }
    return {};
  });
}

const drops = (kernel: KernelModel): boolean[] => PACKETS.map((one) => kernel.drops(one));

test('a plan that was read back blocks what the block set does, as does one in the first format', async () => {
  await fc.assert(
    fc.asyncProperty(wans, aBlockSet, async (wan, want) => {
      const plan = planOf(want, wan);
      const { v4, v6 } = plan.sets;
      const sets = [v4, v6].flatMap(({ passing, blocking, known }) => [passing, blocking, known]).join('');
      const body = JSON.stringify({ ...plan, sets });
      const first = `hedgerow-plan/1 ${createHash('sha256').update(body).digest('hex')}\n${body}`;
      for (const text of [encodePlan(plan), first]) {
        const decoded = decodePlan(text);
        if ('wrong' in decoded || decoded.plan.backend !== 'ipset') throw new Error('it was not read');
        const kernel = new KernelModel();
        await restoreIpset(decoded.plan, machine(kernel), signal);
        expect(drops(kernel)).toEqual(expected(want));
        // A second time, now beside chains that are at work, it changes nothing.
        await restoreIpset(decoded.plan, machine(kernel), signal);
        expect(drops(kernel)).toEqual(expected(want));
      }
    }),
    { numRuns: RUNS },
  );
});

test('whatever a restore dies of, nothing of a family is in force before its chains are, and the next one blocks all', async () => {
  await fc.assert(
    fc.asyncProperty(wans, aBlockSet, aBlockSet, fc.nat(200), async (wan, former, want, lines) => {
      const kernel = new KernelModel();
      const died = await restoreIpset(planOf(former, wan), machine(kernel, lines), signal).then(
        () => false,
        () => true,
      );
      const hooked = FAMILIES.filter((family) => kernel.look().found[family].jumps.length > 0);
      if (died && hooked.length === 0) expect(drops(kernel)).not.toContain(true);
      if (died)
        PACKETS.forEach((packet, i) => {
          const family = packet.source.includes(':') ? 6 : 4;
          expect(kernel.drops(packet)).toBe(hooked.includes(family) && expected(former)[i]);
        });
      if (hooked.length > 0) return;
      await restoreIpset(planOf(want, wan), machine(kernel), signal);
      // What is left of the former one may block more, never less.
      const now = drops(kernel);
      expect(expected(want).filter((blocked, i) => blocked && !now[i])).toEqual([]);
    }),
    { numRuns: RUNS },
  );
});
