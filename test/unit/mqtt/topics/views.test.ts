import { describe, expect, it } from 'vitest';
import { methodsOf } from '../../../../src/control/methods.ts';
import { RecentGatherer } from '../../../../src/control/recent-source.ts';
import { heldWords } from '../../../../src/control/views/held-words.ts';
import type { PolicyView } from '../../../../src/control/views/policies.ts';
import type { StatusView } from '../../../../src/control/views/status.ts';
import type { Observer } from '../../../../src/local/observer.ts';
import { silentLog } from '../../../../src/log.ts';
import { Bridge } from '../../../../src/mqtt/bridge.ts';
import { RouterName } from '../../../../src/mqtt/router-name.ts';
import { HomeTopics } from '../../../../src/mqtt/topics/home.ts';
import { Requests } from '../../../../src/mqtt/topics/requests.ts';
import { RouterTopics } from '../../../../src/mqtt/topics/router.ts';
import { FakeLink } from '../../../support/fake-link.ts';
import { key } from '../../../support/household.ts';
import { wrongIn } from '../../../support/mqtt-schemas.ts';
import { answer, see } from '../../../support/parts.ts';
import { house } from '../../control/two-devices.ts';

/** The bridge with the views of a router as it is, its kernel and network aside. */
async function running() {
  const fake = house();
  const health = () => ({ lan: ['br-lan'], tracking: true, trackedByRule: [], outside: {}, sources: [] });
  const parts = { ...fake, observer: { health } as unknown as Observer };
  const methods = methodsOf(parts);
  const { clock } = parts;
  const name = new RouterName('attic', parts.key.peer);
  const link = new FakeLink();
  const recent = new RecentGatherer(parts);
  const deps = { methods: () => methods, name, clock, log: silentLog };
  const publications = [new RouterTopics(deps), new HomeTopics(deps), new Requests(deps)];
  const links = [{ link, alone: true }];
  const bridge = new Bridge({ links, publications, recent, name, clock, log: silentLog });
  await bridge.start(AbortSignal.timeout(60_000));
  return { parts, methods, clock, link, recent, bridge };
}

describe('the topics of a router', () => {
  it('say what its views say, each as it is documented', async () => {
    const { parts, methods, clock, link, recent, bridge } = await running();
    answer(parts, 'ads.example', '198.51.100.7');
    parts.peers.set(key(1).peer, { state: 'down', applied: true });
    await clock.advance(2_000);
    await methods.get('block')?.run({ first: 'tv', second: 'ads.example', by: 'anna', for: '2h' });
    await methods.get('block')?.run({ first: 'phone', second: 'internet', by: 'anna', confirm: true });
    await methods.get('ignore')?.run({ what: 'tv' });
    await methods.get('name')?.run({ what: 'ads.example', text: 'The ads' });
    const ads = parts.cache.remoteByDomain('ads.example') ?? '';
    parts.cache.refer(new Set([ads]));
    see(parts, '02:00:00:00:00:77', '192.0.2.77', 'camera');
    const counts = { packets: 1, bytes: 100 };
    const about = { other: ads, otherIsDevice: false, protocol: 6, port: 443, offloaded: false };
    recent.sees({ ...about, device: parts.phone, up: counts, down: undefined, entries: 1 }, false);
    recent.drops({ device: parts.tv, other: ads, otherIsDevice: false, ...counts });
    await clock.advance(12_000);
    link.arrive({ topic: 'hedgerow/attic/request/policies', payload: '{"transaction": 1}' });
    await clock.advance(100);
    expect(link.published.flatMap((message) => wrongIn(message) ?? [])).toEqual([]);
    expect(bridge.health()).toMatchObject({ failures: 0, router: 'attic' });
    const topics = new Set(link.published.map(({ topic }) => topic.replaceAll(/[0-9a-f]{32}/g, '+')));
    expect([...topics].sort()).toEqual([
      'hedgerow/attic/event',
      'hedgerow/attic/flows',
      'hedgerow/attic/info',
      'hedgerow/attic/node/+',
      'hedgerow/attic/peers',
      'hedgerow/attic/policies',
      'hedgerow/attic/response/policies',
      'hedgerow/attic/state',
      'hedgerow/home/node/+',
      'hedgerow/home/policies',
      'hedgerow/home/routers',
    ]);
    const node = JSON.parse(link.retained.get(`hedgerow/home/node/${ads}`) ?? '{}');
    expect(node).toMatchObject({ device: false, label: 'The ads', domains: ['ads.example'] });
    // In the words of the other views.
    const said = (topic: string) => JSON.parse(link.retained.get(`hedgerow/attic/${topic}`) ?? '');
    const status = (await methods.get('status')?.run({})) as StatusView;
    expect(said('info').reach).toEqual(JSON.parse(JSON.stringify(status.reach)));
    const views = (await methods.get('policies')?.run({})) as PolicyView[];
    expect(said('policies')).toMatchObject(views.map((view) => ({ id: view.id, held: heldWords(view) })));
    expect(said('policies')).toHaveLength(3);
    const flows = link.published.find(({ topic }) => topic === 'hedgerow/attic/flows');
    expect(JSON.parse(flows?.payload ?? '').flows[0]).toMatchObject({
      device: { label: 'phone' },
      other: { label: 'The ads' },
    });
    const policies = JSON.parse(link.retained.get('hedgerow/home/policies') ?? '[]');
    expect(policies.map(({ kind }: { kind: string }) => kind).sort()).toEqual(['block', 'block', 'ignore']);
    await bridge.stop();
  });
});
