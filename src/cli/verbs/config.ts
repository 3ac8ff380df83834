import type { CommandModule } from 'yargs';
import { pathsOf, readConfigText } from '../../config.ts';
import type { Common } from '../ask.ts';
import { harmless, paint, printJson, printLine } from '../output.ts';

/** EX_CONFIG of sysexits(3). */
const EX_CONFIG = 78;

const print: CommandModule<object, Common> = {
  command: 'print',
  describe: 'the configuration in effect, with all defaults, as YAML; secrets are named by their files only',
  handler: async ({ config, json }) => {
    const { configText, loadConfig } = await import('../../config-file.ts');
    const effective = loadConfig(config);
    if (json) printJson(effective);
    else process.stdout.write(configText(effective));
  },
};

const check: CommandModule<object, Common & { file?: string }> = {
  command: 'check [file]',
  describe: 'say whether a configuration is right, and each thing that is wrong with it',
  builder: (yargs) =>
    yargs.positional('file', {
      type: 'string',
      describe: 'which (default: the one that the agent reads)',
    }) as never,
  handler: async ({ config, file, json }) => {
    const { adviceOn } = await import('../../control/config-advice.ts');
    const read = readConfigText(file ?? config);
    const problems = adviceOn(read.text);
    if (problems.length > 0) process.exitCode = EX_CONFIG;
    if (json) {
      printJson({ file: read.file, ok: problems.length === 0, problems });
      return;
    }
    for (const { key, line, message, hint } of problems) {
      const where = [read.file, ...(line === undefined ? [] : [line])].join(':');
      const what = key === '' ? message : `${key}: ${message}`;
      printLine(`${paint('red', '!')} ${where}: ${harmless(what)}${hint === undefined ? '' : `; ${hint}`}`);
    }
    if (problems.length === 0) printLine(`${paint('green', 'ok')}  ${read.file}`);
  },
};

const schema: CommandModule<object, Common> = {
  command: 'schema',
  describe: 'print the JSON Schema of the configuration, for editors',
  handler: async ({ json }) => {
    const { configJsonSchema } = await import('../../control/config-advice.ts');
    if (json) printJson(configJsonSchema());
    else process.stdout.write(`${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
  },
};

const password: CommandModule<object, Common & { dryRun: boolean }> = {
  command: 'password',
  describe: 'set the password for HTTP and MQTT on the network; asks at a terminal, else reads a line',
  builder: (yargs) =>
    yargs
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what it would do' })
      .example('$0 config password < file', 'the first line of a file') as never,
  handler: async ({ config, json, dryRun }) => {
    const [{ loadConfig }, { setPassword }] = await Promise.all([
      import('../../config-file.ts'),
      import('../password-prompt.ts'),
    ]);
    const path = pathsOf(loadConfig(config)).password;
    if (!dryRun) await setPassword(path, { input: process.stdin, output: process.stderr });
    if (json) printJson({ dryRun, changed: !dryRun, file: path });
    else printLine(`the password ${dryRun ? 'would be' : 'is'} set (${path})`);
  },
};

export const config: CommandModule<object, Common> = {
  command: 'config',
  describe: 'the configuration: print it, check it, its schema, the password',
  builder: (yargs) =>
    yargs
      .command(print)
      .command(check)
      .command(schema)
      .command(password)
      .demandCommand(1, 'print, check, schema or password?') as never,
  handler: () => undefined,
};
