/** The longest topic or filter that is taken, in characters; MQTT itself allows 65,535 bytes. */
export const MAX_TOPIC = 256;
/** How many levels a topic or filter may have. */
export const MAX_LEVELS = 12;

/** Whether this may be the topic of a message (MQTT 5, 4.7): no wildcards, no control characters, not too long. */
export function isTopic(text: string): boolean {
  return isPlain(text) && !/[+#]/.test(text);
}

/** Whether this may be subscribed to (MQTT 5, 4.7.1): `+` is a whole level, `#` the last one. */
export function isFilter(text: string): boolean {
  if (!isPlain(text)) return false;
  const levels = text.split('/');
  return levels.every((level, index) =>
    level === '#' ? index === levels.length - 1 : level === '+' || !/[+#]/.test(level),
  );
}

/** Whether a filter covers a topic (MQTT 5, 4.7). Wildcards in front do not cover topics that begin with `$` (4.7.2). */
export function covers(filter: string, topic: string): boolean {
  if (filter === topic) return true;
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  const wanted = filter.split('/');
  const given = topic.split('/');
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= given.length || (level !== '+' && level !== given[index])) return false;
  }
  return wanted.length === given.length;
}

/** All of these filters as one expression: for who asks of every message. It covers what {@link covers} says. */
export function filterPattern(filters: readonly string[]): RegExp {
  const one = (filter: string) => {
    // `a/#` covers `a` too, and wildcards in front no `$`.
    const head = /^[+#]/.test(filter) ? '(?!\\$)' : '';
    const body = filter
      .split('/')
      .map((level) => (level === '+' ? '[^/]*' : level === '#' ? '#' : level.replaceAll(/[^\w]/g, '\\$&')))
      .join('/')
      .replace(/^#$/, '[^]*')
      .replace(/\/#$/, '(?:/[^]*)?');
    return head + body;
  };
  return new RegExp(filters.length === 0 ? '(?!)' : `^(?:${filters.map(one).join('|')})$`);
}

function isPlain(text: string): boolean {
  if (text === '' || text.length > MAX_TOPIC || text.split('/').length > MAX_LEVELS) return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;
  }
  return text.isWellFormed();
}
