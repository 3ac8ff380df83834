import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { schemaFiles } from '../../../../scripts/mqtt-schemas.ts';
import { homeAssistantSchemas } from '../../../../src/mqtt/home-assistant/schemas.ts';
import { spinSchemas } from '../../../../src/mqtt/spin/schemas.ts';
import { topicSchemas } from '../../../../src/mqtt/topics/schemas.ts';

const docs = join(import.meta.dirname, '../../../../docs');
const text = readFileSync(join(docs, 'mqtt.md'), 'utf8');
const sections = text.split(/^### /m).slice(1);
const all = (of: string, pattern: RegExp) => [...of.matchAll(pattern)].map((match) => match[1] ?? '');
const topicOf = (section: string) => /^`([^`]+)`/.exec(section)?.[1]?.replaceAll(/<[a-z]+>/g, '+') ?? '';

describe('the documented topics', () => {
  it('are all, and no others', () => {
    const known = Object.values(topicSchemas).map(({ topic }) => topic);
    expect(sections.map(topicOf).sort()).toEqual(known.sort());
  });

  it.each(Object.values(topicSchemas))('$topic has an example as its schema says', ({ topic, schema }) => {
    const section = sections.find((each) => topicOf(each) === topic) ?? '';
    const [, example = ''] = /```json\n([\s\S]*?)```/.exec(section) ?? [];
    expect(schema.safeParse(JSON.parse(example)).error?.message).toBeUndefined();
  });

  it.each([
    ['spin.md', spinSchemas],
    ['home-assistant.md', homeAssistantSchemas],
  ])('docs/%s names each of its topics in one line with its schema', (name, schemas) => {
    const lines = readFileSync(join(docs, name), 'utf8').split('\n');
    for (const [file, { topic }] of Object.entries(schemas)) {
      const named = lines.filter((line) => line.includes(`(mqtt/${file}.schema.json)`)).join();
      const topics = all(named, /`([^`]+)`/g).map((each) =>
        each.replace('<prefix>', 'homeassistant').replaceAll(/[a-z_]*<[a-z]+>/g, '+'),
      );
      expect(topics, file).toContain(topic);
    }
  });

  it('have a JSON Schema each, as scripts/mqtt-schemas.ts writes them', () => {
    const files = schemaFiles();
    expect(readdirSync(join(docs, 'mqtt')).sort()).toEqual([...files.keys()].sort());
    for (const [name, wanted] of files)
      expect(JSON.parse(readFileSync(join(docs, 'mqtt', name), 'utf8')), name).toEqual(JSON.parse(wanted));
  });
});
