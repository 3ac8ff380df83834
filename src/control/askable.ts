/**
 * The views that a member may ask of another member's agent, and why each is harmless to tell and worth asking for. Nothing
 * else is answered: nothing that changes anything (but for tellable.ts), nothing that asks a third router.
 */
export const ASKABLE: ReadonlyMap<string, string> = new Map([
  [
    'flows',
    'who talks to whom is kept by the router that saw it alone; whoever asks is a router of the same home',
  ],
  ['devices', 'what that router itself has seen of its devices'],
  [
    'nodes',
    'the remotes and domains that it has seen, which nobody else knows while no policy refers to them',
  ],
  ['status', 'how it is: whether it enforces, what it observes, what is wrong'],
  ['peers', 'whom it reaches, which may be others than this one does'],
  ['policies', 'the policies are the same everywhere; whether and how it enforces them only it knows'],
]);
