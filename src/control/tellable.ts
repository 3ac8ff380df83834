import * as z from 'zod';

/** An author has 100 characters at most (params.ts): room for a router's name. */
const MAX_BY = 60;
const said = z.looseObject({ by: z.string().max(200).default('') });

/**
 * The commands that a member may give another member's agent, each for that router alone: the stop button of the home, and
 * going on. Any member may lift every block of the home anyway, by an op; this leaves the policy as it is, ends by itself and is
 * noted here. What somebody cleared at this router stays so.
 */
const TELLABLE: ReadonlyMap<string, object> = new Map([
  ['suspend', { home: false }],
  ['enforce', { home: false, cleared: false }],
]);

/**
 * How the parameters of a command are read that a member gives: they say which router it came from. Undefined when none may give it;
 * throws ZodError for rubbish.
 */
export function toldBy(name: string, router: string): ((params: unknown) => object) | undefined {
  const own = TELLABLE.get(name);
  if (own === undefined) return undefined;
  return (params) => {
    const { by, ...rest } = said.parse(params);
    return { ...rest, ...own, by: `${by.slice(0, MAX_BY) || 'somebody'} on ${router}` };
  };
}
