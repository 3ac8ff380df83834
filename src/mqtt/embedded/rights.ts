import { filterPattern, isFilter, isTopic } from '../topic-filter.ts';

/**
 * What a client may do. `none`: not even connect. `read`: subscribe and receive what the agent tells. `write`: also ask the
 * agent to do something, and see answers. `full`, with the password: also see what others ask.
 */
export type Rights = 'none' | 'read' | 'write' | 'full';

/** Where the agent answers: for those who may ask. */
const ANSWERS = ['hedgerow/+/response/#', 'SPIN/jsonrpc/a'];

/** The rights of the embedded broker: pure, and asked for every packet. */
export interface Rules {
  maySubscribe(rights: Rights, filter: string): boolean;
  /** Nobody but the agent says anything anywhere but where the agent listens. */
  mayPublish(rights: Rights, topic: string): boolean;
  mayReceive(rights: Rights, topic: string): boolean;
}

/** @param commands filters of the topics on which the agent listens to others: requests, Home Assistant's commands. */
export function rulesFor(commands: readonly string[]): Rules {
  const isCommand = filterPattern(commands);
  const isAnswer = filterPattern(ANSWERS);
  return {
    maySubscribe: (rights, filter) => rights !== 'none' && isFilter(filter) && !filter.startsWith('$'),
    mayPublish: (rights, topic) =>
      (rights === 'write' || rights === 'full') && isTopic(topic) && isCommand.test(topic),
    mayReceive: (rights, topic) => {
      if (rights === 'none' || topic.startsWith('$')) return false;
      if (rights === 'full') return true;
      return !isCommand.test(topic) && (rights === 'write' || !isAnswer.test(topic));
    },
  };
}
