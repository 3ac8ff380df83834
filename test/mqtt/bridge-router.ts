import { keepProcessAlive, systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { Bridge } from '../../src/mqtt/bridge.ts';
import { ClientLink } from '../../src/mqtt/client-link.ts';
import { RouterName } from '../../src/mqtt/router-name.ts';
import { HomeTopics } from '../../src/mqtt/topics/home.ts';
import { Requests } from '../../src/mqtt/topics/requests.ts';
import { RouterTopics } from '../../src/mqtt/topics/router.ts';
import { FakeHome, FakeRecent } from '../support/mqtt-home.ts';

/** A bridge on a real broker, of a router that is not. */
export async function bridgeRouter(url: string, member: string, router: string) {
  const home = new FakeHome(member, router);
  const recent = new FakeRecent();
  const name = new RouterName(router, member);
  const link = new ClientLink({
    url,
    clientId: `hedgerow-${member.slice(0, 8)}`,
    // Read at every attempt: the name may turn out to be another's.
    will: {
      get topic() {
        return `${name.base}/state`;
      },
      payload: 'offline',
    },
    clock: systemClock,
    log: silentLog,
    againMs: 300,
  });
  const deps = { methods: () => home.methods, name, clock: systemClock, log: silentLog };
  const bridge = new Bridge({
    links: [{ link, alone: false }],
    publications: [new RouterTopics(deps), new HomeTopics(deps), new Requests(deps)],
    recent,
    name,
    clock: systemClock,
    log: silentLog,
  });
  await link.start();
  await bridge.start(new AbortController().signal);
  const stop = async () => {
    await bridge.stop();
    await link.stop();
  };
  return { home, recent, link, bridge, name, speaks: () => bridge.health().links[0]?.speaks === true, stop };
}

// As a process of its own, which a test kills.
const [, script, url, member, router] = process.argv;
if (script === import.meta.filename && url !== undefined && member !== undefined && router !== undefined) {
  keepProcessAlive();
  await bridgeRouter(url, member, router);
}
