import { isMap, parseDocument } from 'yaml';
import { DEFAULT_SOCKET } from './config.ts';

/**
 * Where the agent listens for commands by the text of a configuration, without checking all of it, which takes longer than all
 * else that a verb does. Undefined when it is not said plainly.
 */
export function socketIn(text: string): string | undefined {
  const document = parseDocument(text, { logLevel: 'error' });
  if (document.errors.length > 0) return undefined;
  if (!isMap(document.contents)) return document.contents === null ? DEFAULT_SOCKET : undefined;
  if (!document.has('control')) return DEFAULT_SOCKET;
  const socket: unknown = document.hasIn(['control', 'socket'])
    ? document.getIn(['control', 'socket'])
    : undefined;
  return typeof socket === 'string' && socket.startsWith('/') ? socket : undefined;
}
