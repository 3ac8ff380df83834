import { offerAsk } from './methods/ask.ts';
import { offerHalt } from './methods/halt.ts';
import { offerHistory } from './methods/history.ts';
import { offerHome } from './methods/home.ts';
import { offerIdentity } from './methods/identity.ts';
import { offerKept } from './methods/kept.ts';
import { offerMetrics } from './methods/metrics.ts';
import { offerNodes } from './methods/nodes.ts';
import { offerNumbers } from './methods/numbers.ts';
import { offerPeers } from './methods/peers.ts';
import { offerPolicy } from './methods/policy.ts';
import { offerStatistics } from './methods/statistics.ts';
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
  offerPeers(offer, parts);
  offerStatistics(offer, parts);
  offerPolicy(offer, parts);
  offerHalt(offer, parts);
  offerNodes(offer, parts);
  offerKept(offer, parts);
  offerNumbers(offer, parts);
  offerIdentity(offer, parts);
  offerHistory(offer, parts);
  offerHome(offer, parts);
  offerMetrics(offer, parts);
  offerAsk(offer, parts, methods);
  return methods;
}
