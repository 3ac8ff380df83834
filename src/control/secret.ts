/** Commands with a secret in what they are given or in what they answer: not for a door where others listen in. */
export const SECRET: ReadonlySet<string> = new Set([
  'home.create',
  'home.add',
  'home.join',
  'invite',
  'join',
  'evict',
]);
