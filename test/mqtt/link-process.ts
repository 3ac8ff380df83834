/** A process with a link of its own, to be killed: `link-process.ts URL`. */
import { keepProcessAlive, systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { ClientLink } from '../../src/mqtt/client-link.ts';

const topic = 'hedgerow/child/state';
const link = new ClientLink({
  url: process.argv[2] ?? '',
  clientId: 'hedgerow-child',
  will: { topic, payload: 'offline' },
  clock: systemClock,
  log: silentLog,
});
keepProcessAlive();
link.onConnected(() => link.publish({ topic, payload: 'online', retain: true }));
await link.start();
