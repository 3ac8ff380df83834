import type * as z from 'zod';

/** A command or a view, as every door offers it: its parameters are checked before it runs. */
export interface Method {
  readonly params: z.ZodType;
  run(params: unknown): Promise<unknown>;
}

/** Offers a command or a view under a name; the CLI's verbs are the same words. */
export type Offer = <T>(name: string, params: z.ZodType<T>, run: (params: T) => unknown) => void;
