import * as z from 'zod';
import type { Offer } from '../offer.ts';
import type { Parts } from '../parts.ts';
import { measuresView } from '../views/measures.ts';
import { devicesView } from '../views/nodes.ts';
import { peersView } from '../views/peers.ts';
import { statsView } from '../views/statistics.ts';
import { statusView } from '../views/status.ts';

/** The measures of this router, and all of them as Prometheus wants them. */
export function offerMetrics(offer: Offer, parts: Parts): void {
  offer('measures', z.strictObject({}), () => measuresView(parts));
  offer('metrics', z.strictObject({ devices: z.boolean().default(false) }), async ({ devices }) => {
    // Loaded when somebody asks: most homes have no Prometheus.
    const { metricsText } = await import('../metrics/text.ts');
    const read = await import('../metrics/samples.ts');
    return await metricsText([
      ...read.ofStats(statsView(parts)),
      ...read.ofStatus(statusView(parts)),
      ...read.ofPeers(peersView(parts)),
      ...read.ofMeasures(measuresView(parts)),
      ...(devices ? read.ofDevices(devicesView(parts)) : []),
    ]);
  });
}
