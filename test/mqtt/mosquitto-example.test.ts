import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { expect, it, onTestFinished, vi } from 'vitest';
import { startMosquitto } from './mosquitto.ts';

const configs = join(import.meta.dirname, '../../configs/mosquitto');

it('the example for mosquitto starts, and its rules say what docs/mqtt-brokers.md says', async () => {
  const users = { attic: 'a', cellar: 'c', homeassistant: 'h', screen: 's' };
  // The lines of the example, with the paths of this test and without what the helper sets itself.
  const lines = readFileSync(join(configs, 'hedgerow.conf'), 'utf8')
    .split('\n')
    .filter((line) => /^[a-z]/.test(line));
  const own = /^(listener|allow_anonymous false$|password_file|acl_file|persistence)/;
  expect(lines.filter((line) => !own.test(line))).toEqual([]);
  expect(lines).toHaveLength(6);
  const broker = await startMosquitto({ users, acl: readFileSync(join(configs, 'acl'), 'utf8') });
  onTestFinished(() => broker.stop());
  const client = async (username: keyof typeof users) => {
    const made = await connectAsync(broker.url, {
      username,
      password: users[username],
      protocolVersion: 5,
      reconnectPeriod: 0,
    });
    onTestFinished(() => void made.end(true));
    const seen: string[] = [];
    made.on('message', (topic) => seen.push(topic));
    // By the reason code of the confirmation: 135 is "not authorized".
    const may = (topic: string) =>
      made.publishAsync(topic, 'x', { qos: 1 }).then(
        () => true,
        () => false,
      );
    return { made, seen, may };
  };
  const attic = await client('attic');
  const assistant = await client('homeassistant');
  const screen = await client('screen');
  await screen.made.subscribeAsync('#');
  await assistant.made.subscribeAsync('hedgerow/#');
  const answers: Record<string, boolean> = {};
  for (const [name, { may }] of Object.entries({ attic, assistant, screen }))
    for (const topic of [
      'hedgerow/attic/state',
      'hedgerow/cellar/state',
      'hedgerow/cellar/request/block',
      'homeassistant/status',
    ])
      answers[`${name} ${topic}`] = await may(topic);
  expect(Object.keys(answers).filter((key) => answers[key])).toEqual([
    'attic hedgerow/attic/state',
    'attic hedgerow/cellar/state',
    'attic homeassistant/status',
    'assistant hedgerow/cellar/request/block',
    'assistant homeassistant/status',
  ]);
  await attic.may('hedgerow/attic/response/block');
  await attic.may('hedgerow/attic/flows');
  await vi.waitFor(() => expect(screen.seen).toContain('hedgerow/attic/flows'), 20_000);
  expect(screen.seen).toEqual(['hedgerow/attic/state', 'hedgerow/cellar/state', 'hedgerow/attic/flows']);
  expect(assistant.seen).toContain('hedgerow/attic/response/block');
  expect(() =>
    execFileSync('mosquitto_pub', ['-h', '127.0.0.1', '-p', `${broker.port}`, '-t', 'x', '-m', 'x'], {
      stdio: 'ignore',
    }),
  ).toThrow();
});
