import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from './config-schema.ts';
import { ConfigError, messageOf } from './errors.ts';

/** Where the configuration is looked for when nobody says. */
export const DEFAULT_CONFIG_FILE = '/etc/hedgerow/hedgerow.yaml';
/** Where the agent listens for commands when nobody says. */
export const DEFAULT_SOCKET = '/run/hedgerow/hedgerow.sock';

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

/** The text of a configuration and the file that it is from; empty when there is no default file. ConfigError as loadConfig. */
export function readConfigText(named: string | undefined): { readonly file: string; readonly text: string } {
  const asked = named ?? configFileFromEnvironment();
  const file = asked ?? DEFAULT_CONFIG_FILE;
  try {
    return { file, text: readFileSync(file, 'utf8') };
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    if (missing && asked === undefined) return { file, text: '' };
    throw new ConfigError(`the configuration ${file} cannot be read: ${messageOf(cause)}`, {
      cause,
      hint: missing
        ? 'name another file with --config, or leave it out for the defaults'
        : 'check its permissions',
    });
  }
}

/** The paths of what an agent keeps. */
export function pathsOf(config: Config): {
  key: string;
  home: string;
  store: string;
  slots: string;
  plan: string;
  halt: string;
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
    halt: inState('halt'),
    seen: inState('seen'),
    password: inState('password'),
  };
}

/** The folder of the control socket, which the agent makes. */
export function socketFolder(config: Config): string {
  return dirname(config.control.socket);
}
