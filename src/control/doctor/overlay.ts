import { isUnlinked, linkWords, stateWords } from '../views/peer-words.ts';
import { everywhere, type Finding, ok, warn } from './finding.ts';
import type { Machine, PeerSaid } from './machine.ts';

/** Clocks that differ by more than this make schedules differ, seconds. */
const CLOCK_S = 30;

export function peers({ agent }: Machine): Finding[] {
  if (!agent.answers) return [];
  if (agent.peers.length === 0) return [ok('peers', 'this router is alone in its home')];
  const found = agent.peers.flatMap(notWell);
  return found.length > 0
    ? found
    : [ok('peers', `${agent.peers.length} of ${agent.peers.length} can be reached`)];
}

function notWell(peer: PeerSaid): Finding[] {
  const { router, state, absent, link } = peer;
  if (absent === true)
    return [
      warn('peers', `${router} has been away for long`, everywhere(`hedgerow evict ${router} --dry-run`)),
    ];
  if (isUnlinked(peer)) return [];
  if (state !== 'alive')
    return [warn('peers', `${router} is ${stateWords(peer)}`, everywhere('hedgerow peers'))];
  if (link?.state !== 'down' || link.reason === 'surplus') return [];
  const why = link.closed ?? linkWords(link.reason);
  return [warn('peers', `${router} is alive but not linked: ${why}`, everywhere('hedgerow peers --wide'))];
}

export function clocks({ agent }: Machine): Finding[] {
  if (!agent.answers) return [];
  return agent.peers.flatMap(({ router, clock }) => {
    const ahead = clock?.aheadSeconds ?? 0;
    if (Math.abs(ahead) < CLOCK_S) return [];
    const off = `${Math.round(Math.abs(ahead))} s ${ahead > 0 ? 'ahead of' : 'behind'} this one`;
    return [warn('clocks', `the clock of ${router} is ${off}: one of the two is wrong`, everywhere('date'))];
  });
}

/** Whether routers of the home could find this one after all addresses have changed. */
export function discovery({ config, agent }: Machine): Finding {
  const { mdns, bootstrap, portMapping } = config.p2p;
  const ways = [...(mdns ? ['mDNS'] : []), ...(bootstrap.length > 0 ? ['bootstrap addresses'] : [])];
  const outside = portMapping.enabled ? '; a port of the gateway is asked for' : '';
  if (ways.length > 0)
    return ok('discovery', `by ${ways.join(' and ')}, and by what routers tell each other${outside}`);
  const others = agent.answers && agent.peers.length > 0;
  return warn(
    'discovery',
    `only by what routers tell each other: ${others ? 'when all addresses change' : 'before a first contact'} nobody finds anybody`,
    everywhere('hedgerow config print | grep -A3 -e mdns -e bootstrap'),
  );
}
