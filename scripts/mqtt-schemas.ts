/** Writes docs/mqtt/*.schema.json: what the messages on all topics look like (src/mqtt/…/schemas.ts). */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { homeAssistantSchemas } from '../src/mqtt/home-assistant/schemas.ts';
import { spinSchemas } from '../src/mqtt/spin/schemas.ts';
import { topicSchemas } from '../src/mqtt/topics/schemas.ts';

const all = { ...topicSchemas, ...spinSchemas, ...homeAssistantSchemas };

/** The schema files by their names. */
export function schemaFiles(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(all).map(([name, { topic, schema }]) => {
      const { $schema, ...rest } = z.toJSONSchema(schema, { override: open });
      const file = { $schema, title: topic, ...rest };
      return [`${name}.schema.json`, `${JSON.stringify(file, null, 2)}\n`];
    }),
  );
}

/** What is checked strictly here may have more keys one day: programs that read it should not mind. */
function open({ jsonSchema }: { jsonSchema: { additionalProperties?: unknown } }): void {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
}

if (process.argv[1] === import.meta.filename) {
  const folder = join(import.meta.dirname, '../docs/mqtt');
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of schemaFiles()) writeFileSync(join(folder, name), text);
}
