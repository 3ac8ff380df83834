import type { Message } from '../../src/mqtt/link.ts';
import { covers } from '../../src/mqtt/topic-filter.ts';
import { topicSchemas } from '../../src/mqtt/topics/schemas.ts';

/** What is wrong with a message of Hedgerow's own topics; undefined when it is as documented. */
export function wrongIn({ topic, payload, retain }: Message): string | undefined {
  if (payload === '' && retain === true) return undefined;
  // What lies under `home` has names of its own there.
  const named = Object.entries(topicSchemas).filter(([, known]) => covers(known.topic, topic));
  const home = named.filter(([, known]) => known.topic.startsWith('hedgerow/home/'));
  const [name, known] = (home.length > 0 ? home : named)[0] ?? [];
  if (known === undefined) return `${topic} is not documented`;
  const value: unknown = name === 'state' ? payload : JSON.parse(payload);
  const read = known.schema.safeParse(value);
  return read.success ? undefined : `${topic}: ${read.error.message}`;
}
