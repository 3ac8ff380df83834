import * as z from 'zod';
import { mergeNodes, splitNodes } from '../commands/same.ts';
import type { Offer } from '../offer.ts';
import type { Parts } from '../parts.ts';
import { proposalsView } from '../views/proposals.ts';
import { change, nothing, subject } from './params.ts';

/** Which nodes are one. */
export function offerIdentity(offer: Offer, parts: Parts): void {
  offer('merge', z.strictObject({ ...change, first: subject, second: subject }), (params) =>
    mergeNodes(parts, params),
  );
  offer('split', z.strictObject({ ...change, first: subject, second: subject.optional() }), (params) =>
    splitNodes(parts, params),
  );
  offer('proposals', nothing, () => proposalsView(parts));
}
