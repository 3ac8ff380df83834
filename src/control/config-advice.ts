import * as z from 'zod';
import { type ConfigProblem, checkConfig } from '../config-file.ts';
import { configSchema } from '../config-schema.ts';
import { nearest } from './nearest.ts';

/** One thing that is wrong with a configuration, and what to do about it. */
export interface Advice {
  /** With dots; empty for the whole file. */
  readonly key: string;
  readonly line: number | undefined;
  readonly message: string;
  readonly hint: string | undefined;
}

/** A JSON Schema, as far as it is looked into here. */
interface Shape {
  readonly properties?: { readonly [key: string]: Shape };
  readonly items?: Shape;
}

/** The JSON Schema (draft 2020-12) of a configuration file, for editors. What is found out on each machine has no default. */
export function configJsonSchema(): Record<string, unknown> {
  const found = z.toJSONSchema(configSchema, {
    io: 'input',
    override: ({ zodSchema, jsonSchema, path }) => {
      const at = path.filter((part) => part !== 'properties').join('.');
      if (at === 'agent.name' || at === 'home.timeZone') delete jsonSchema.default;
      // The defaults of its keys say the same.
      if (zodSchema._zod.def.type === 'prefault') delete jsonSchema.default;
    },
  });
  return { title: 'Configuration of Hedgerow', ...found };
}

/** Everything that is wrong with the text of a configuration; empty when all is well. */
export function adviceOn(text: string): Advice[] {
  const checked = checkConfig(text);
  if ('config' in checked) return [];
  return checked.problems.flatMap((problem) => adviceFor(problem));
}

function adviceFor({ key = '', line, message, hint, unknown }: ConfigProblem): Advice[] {
  if (unknown === undefined) return [{ key, line, message, hint: hint ?? hintFor(message) }];
  const known = Object.keys(shapeAt(key)?.properties ?? {});
  return unknown.map((name) => {
    const near = nearest(name, known);
    return {
      key: key === '' ? name : `${key}.${name}`,
      line,
      message: 'there is no such key',
      hint: near === undefined ? `there are ${known.join(', ')}` : `did you mean ${near}?`,
    };
  });
}

function shapeAt(key: string): Shape | undefined {
  const parts = key === '' ? [] : key.split('.');
  return parts.reduce<Shape | undefined>(
    (shape, part) => shape?.properties?.[part] ?? shape?.items,
    configJsonSchema(),
  );
}

function hintFor(message: string): string | undefined {
  if (message.startsWith('is not YAML')) return 'check indents, colons and quotes around that line';
  return /received undefined/.test(message) ? 'say it, or take the whole part out' : undefined;
}
