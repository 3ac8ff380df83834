/**
 * The views that can be subscribed to: they tell a state, at once and without changing anything. Commands, long tasks and
 * what asks other routers are not among them.
 */
export const WATCHABLE: ReadonlySet<string> = new Set([
  'connections',
  'devices',
  'flows',
  'flows.history',
  'groups',
  'home',
  'nodes',
  'peers',
  'policies',
  'proposals',
  'stats',
  'status',
  'tolerance',
]);
