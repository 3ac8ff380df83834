import * as z from 'zod';
import { askAll, askOne } from '../commands/ask.ts';
import type { Method, Offer } from '../offer.ts';
import type { Parts } from '../parts.ts';

const request = {
  view: z.string().min(1).max(64),
  params: z.record(z.string().max(64), z.json()).default({}),
};

/** Asking other routers for their views; `methods` are those of this router. */
export function offerAsk(offer: Offer, parts: Parts, methods: ReadonlyMap<string, Method>): void {
  offer('ask', z.strictObject({ ...request, router: z.string().min(1).max(200) }), (params) =>
    askOne(parts, methods, params),
  );
  offer('ask.all', z.strictObject(request), (params) => askAll(parts, methods, params));
}
