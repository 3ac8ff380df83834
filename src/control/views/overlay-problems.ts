import { enforcementWords } from '../enforcement.ts';
import type { Parts } from '../parts.ts';
import { isThere, isUnlinked } from './peer-words.ts';

/** What is wrong between the routers, in words. Suspicion alone is nothing to tell: it ends within seconds, one way or the other. */
export function overlayProblems({ network, directory, discovery, portMapping }: Parts): string[] {
  const found: string[] = [];
  for (const view of network.peers()) {
    const { peer, state, heardBy } = view;
    const router = directory.routerName(peer);
    if (isUnlinked(view) || state === 'left') continue;
    if (!isThere(state)) found.push(`${router} cannot be reached`);
    else if (heardBy !== undefined)
      found.push(`${router} is heard by ${directory.routerName(heardBy)}, and not by this router`);
    // One that only observes is perhaps meant to; what a person halted is to be remembered everywhere.
    const { enforcement } = view;
    const halted = enforcement?.state === 'observes' ? undefined : enforcementWords(enforcement);
    if (halted !== undefined && isThere(state)) found.push(`${router} ${halted}`);
  }
  found.push(...(discovery?.problems() ?? []));
  const mapped = portMapping?.();
  if (mapped?.state === 'failed')
    found.push(`no port of the gateway leads here (p2p.portMapping): ${mapped.why ?? 'it does not say why'}`);
  return found;
}
