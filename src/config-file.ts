import { type Document, isNode, LineCounter, parseDocument, stringify } from 'yaml';
import { readConfigText } from './config.ts';
import { type Config, configSchema } from './config-schema.ts';
import { ConfigError, messageOf } from './errors.ts';

/**
 * Reads and checks a configuration. A file that was named must be there; the default one need not be.
 * ConfigError names the file and every key that is wrong.
 */
export function loadConfig(named: string | undefined): Config {
  const { file, text } = readConfigText(named);
  return parseConfig(text, file);
}

/** Checks the text of a configuration; `file` is for the messages only. */
export function parseConfig(text: string, file: string): Config {
  const checked = checkConfig(text);
  if ('config' in checked) return checked.config;
  const [first] = checked.problems;
  const problems = checked.problems.map(({ key, message }) =>
    key === undefined ? message : `${key || '(top)'}: ${message}`,
  );
  throw new ConfigError(`${file}${first?.key === undefined ? '' : ':'} ${problems.join('; ')}`, {
    hint:
      first?.hint ??
      'configs/hedgerow.example.yaml shows every key with its default; hedgerow config check tells more',
  });
}

/** The text of a configuration with all that it holds. */
export function configText(config: Config): string {
  return stringify(config);
}

/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** Where, with dots; empty for the whole, undefined when there are no keys because it is not YAML. */
  readonly key: string | undefined;
  /** Counted from 1. */
  readonly line: number | undefined;
  readonly message: string;
  readonly hint?: string;
  /** Keys that there are not. */
  readonly unknown?: readonly string[];
}

/** A configuration, or everything that is wrong with it. */
export type Checked = { readonly config: Config } | { readonly problems: readonly ConfigProblem[] };

/** Checks the text of a configuration. Never throws. */
export function checkConfig(text: string): Checked {
  const lines = new LineCounter();
  const document = parseDocument(text, { logLevel: 'error', lineCounter: lines });
  if (document.errors.length > 0) {
    // What is wrong behind the first follows from it, mostly.
    return {
      problems: document.errors.slice(0, 1).map(({ message, linePos }) => ({
        key: undefined,
        line: linePos?.[0].line,
        message: `is not YAML: ${message.split('\n')[0]}`,
      })),
    };
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (cause) {
    const message = `is not YAML that can be read: ${messageOf(cause)}`;
    return { problems: [{ key: undefined, line: undefined, message }] };
  }
  const version =
    typeof value === 'object' && value !== null && 'configVersion' in value ? value.configVersion : undefined;
  if (Number(version) > 1) {
    const message = `${String(version)} is newer than this Hedgerow`;
    const hint = 'update Hedgerow, or write the file for version 1';
    return {
      problems: [{ key: 'configVersion', line: lineOf(document, lines, ['configVersion']), message, hint }],
    };
  }
  const parsed = configSchema.safeParse(value);
  if (parsed.success) return { config: parsed.data };
  return {
    problems: parsed.error.issues.map((issue) => {
      const unknown = issue.code === 'unrecognized_keys' ? issue.keys : undefined;
      const [first = ''] = unknown ?? [];
      return {
        key: issue.path.join('.'),
        line: lineOf(document, lines, unknown === undefined ? issue.path : [...issue.path, first]),
        message: issue.message,
        ...(unknown === undefined ? {} : { unknown }),
      };
    }),
  };
}

/** The line of a key or, when it is not there, of the nearest one around it. */
function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number | undefined {
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return undefined;
}
