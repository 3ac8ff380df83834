import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createExec } from '../../src/local/exec.ts';
import { quoted, refusalOf, remoteCommand } from '../../src/local/exec-ssh-words.ts';

const here = createExec();
/** What no program can be given is left out: NUL, and halves of characters. */
const argument = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.string({ unit: fc.constantFrom(...`'"\\$\`!*?~#&|;<>(){}[] \n\t-%=^a`), maxLength: 30 }),
    fc.constantFrom('', "'", "''", '-n', '--', '$(id)', '`id`', '\\', "\\'", '\n', 'é', '~', '*'),
  )
  .filter((text) => !text.includes('\0') && text.isWellFormed());

test.each([[['sh']], [['busybox', 'ash']]])('arguments arrive as they are through %s', async (shell) => {
  const whole = fc.array(fc.array(argument, { maxLength: 8 }), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(whole, async (lists) => {
      // Many at once: a shell for each would take all of the time.
      const script = lists.map((words) => `printf '%s\\0' ${words.map(quoted).join(' ')} end`).join('\n');
      const { code, stdout } = await here.run([...shell, '-c', script]);
      expect(code).toBe(0);
      expect(stdout).toBe(lists.map((words) => [...words, 'end', ''].join('\0')).join(''));
    }),
    { numRuns: 25 },
  );
});

test.each([[['sh']], [['busybox', 'ash']]])('a whole command arrives as it is through %s', async (shell) => {
  await fc.assert(
    fc.asyncProperty(fc.array(argument, { maxLength: 5 }), async (words) => {
      const program =
        'process.stdout.write(JSON.stringify([process.argv.slice(1), Object.keys(process.env)[0]]))';
      const text = remoteCommand([process.execPath, '-e', program, '--', ...words], 'me:1:2:');
      const { stdout } = await here.run([...shell, '-c', text]);
      expect(JSON.parse(stdout)).toEqual([words, 'HEDGEROW_EXEC']);
    }),
    { numRuns: 4 },
  );
});

test('whatever ssh complains of is an answer', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 3_000 }), (text) => {
      const { kind, said } = refusalOf(text);
      expect(kind).toBe('other');
      expect(said.length).toBeLessThanOrEqual(300);
    }),
  );
});
