import { offerAsk } from './methods/ask.ts';
import { offerHistory } from './methods/history.ts';
import { offerHome } from './methods/home.ts';
import { offerIdentity } from './methods/identity.ts';
import { offerNodes } from './methods/nodes.ts';
import { offerPolicy } from './methods/policy.ts';
import { offerViews } from './methods/views.ts';
import type { Method, Offer } from './offer.ts';
import type { Parts } from './parts.ts';

/** Every command and view by its name; the CLI's verbs are the same words. */
export function methodsOf(parts: Parts): ReadonlyMap<string, Method> {
  const methods = new Map<string, Method>();
  const offer: Offer = (name, params, run) => {
    methods.set(name, { params, run: async (given) => run(params.parse(given ?? {})) });
  };
  offerViews(offer, parts);
  offerPolicy(offer, parts);
  offerNodes(offer, parts);
  offerIdentity(offer, parts);
  offerHistory(offer, parts);
  offerHome(offer, parts);
  offerAsk(offer, parts, methods);
  return methods;
}
