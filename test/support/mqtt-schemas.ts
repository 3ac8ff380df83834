import { homeAssistantSchemas } from '../../src/mqtt/home-assistant/schemas.ts';
import type { Message } from '../../src/mqtt/link.ts';
import { spinSchemas } from '../../src/mqtt/spin/schemas.ts';
import { covers } from '../../src/mqtt/topic-filter.ts';
import { topicSchemas } from '../../src/mqtt/topics/schemas.ts';

const all = Object.values({ ...topicSchemas, ...spinSchemas, ...homeAssistantSchemas });

/** What is wrong with a message; undefined when it is as documented. */
export function wrongIn({ topic, payload, retain }: Message): string | undefined {
  if (payload === '' && retain === true) return undefined;
  // What lies under `home` has names of its own there.
  const named = all.filter((known) => covers(known.topic, topic));
  const known = named.find((each) => each.topic.startsWith('hedgerow/home/')) ?? named[0];
  if (known === undefined) return `${topic} is not documented`;
  const read = known.schema.safeParse(known.plain === true ? payload : JSON.parse(payload));
  return read.success ? undefined : `${topic}: ${read.error.message}`;
}

/** The same of many, of what is retained too. */
export function allWrongIn(
  messages: Iterable<Message>,
  retained: ReadonlyMap<string, string> = new Map(),
): string[] {
  const kept = Array.from(retained, ([topic, payload]) => ({ topic, payload, retain: true }));
  return [...messages, ...kept].flatMap((message) => wrongIn(message) ?? []);
}
