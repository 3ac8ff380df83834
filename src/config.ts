import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseDocument } from 'yaml';
import { type Config, configSchema } from './config-schema.ts';
import { ConfigError, messageOf } from './errors.ts';

/** Where the configuration is looked for when nobody says. */
export const DEFAULT_CONFIG_FILE = '/etc/hedgerow/hedgerow.yaml';

/** The configuration file that the environment names (HEDGEROW_CONFIG); undefined when it names none. */
export function configFileFromEnvironment(): string | undefined {
  const file = process.env.HEDGEROW_CONFIG;
  return file === undefined || file === '' ? undefined : file;
}

/** Whether a person asked for text without colours (https://no-color.org). */
export function noColour(): boolean {
  return (process.env.NO_COLOR ?? '') !== '';
}

/** Who typed a command, for the audit: the login name, behind sudo too. */
export function personFromEnvironment(): string {
  return process.env.SUDO_USER ?? process.env.USER ?? process.env.LOGNAME ?? 'root';
}

/** The address from which a person is logged in over SSH, as sshd(8) notes it; undefined at the router itself. */
export function addressFromEnvironment(): string | undefined {
  return process.env.SSH_CONNECTION?.split(' ')[0];
}

/**
 * Reads and checks a configuration. A file that was named must be there; the default one need not be.
 * ConfigError names the file and the key.
 */
export function loadConfig(named: string | undefined): Config {
  const file = named ?? configFileFromEnvironment();
  let text: string;
  try {
    text = readFileSync(file ?? DEFAULT_CONFIG_FILE, 'utf8');
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    if (missing && file === undefined) return parseConfig('', DEFAULT_CONFIG_FILE);
    throw new ConfigError(
      `the configuration ${file ?? DEFAULT_CONFIG_FILE} cannot be read: ${messageOf(cause)}`,
      {
        cause,
        hint: missing
          ? 'name another file with --config, or leave it out for the defaults'
          : 'check its permissions',
      },
    );
  }
  return parseConfig(text, file ?? DEFAULT_CONFIG_FILE);
}

/** Checks the text of a configuration; `file` is for the messages only. */
export function parseConfig(text: string, file: string): Config {
  const document = parseDocument(text, { logLevel: 'error' });
  const [broken] = document.errors;
  if (broken !== undefined) {
    throw new ConfigError(`${file} is not YAML: ${broken.message.split('\n')[0]}`, { cause: broken });
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (cause) {
    throw new ConfigError(`${file} is not YAML that can be read: ${messageOf(cause)}`, { cause });
  }
  if (
    typeof value === 'object' &&
    value !== null &&
    'configVersion' in value &&
    Number(value.configVersion) > 1
  ) {
    throw new ConfigError(
      `${file}: configVersion ${String(value.configVersion)} is newer than this Hedgerow`,
      {
        hint: 'update Hedgerow, or write the file for version 1',
      },
    );
  }
  const parsed = configSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
  throw new ConfigError(`${file}: ${problems.join('; ')}`, {
    hint: 'configs/hedgerow.example.yaml shows every key with its default',
  });
}

/** The paths of what an agent keeps. */
export function pathsOf(config: Config): {
  key: string;
  home: string;
  store: string;
  slots: string;
  plan: string;
  seen: string;
  password: string;
} {
  const inState = (name: string) => join(config.agent.stateDir, name);
  return {
    key: inState('peer.key'),
    home: inState('home.json'),
    store: inState('store'),
    slots: inState('slots'),
    plan: inState('plan'),
    seen: inState('seen'),
    password: inState('password'),
  };
}

/** The folder of the control socket, which the agent makes. */
export function socketFolder(config: Config): string {
  return dirname(config.control.socket);
}
