import { Duplex } from 'node:stream';
import mqttPacket from 'mqtt-packet';
import { expect, it, onTestFinished, vi } from 'vitest';
import { silentLog } from '../../../../src/log.ts';
import { EmbeddedLink } from '../../../../src/mqtt/embedded/link.ts';
import { Embedded } from '../../../../src/mqtt/embedded.ts';
import type { Arrived, Message } from '../../../../src/mqtt/link.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

it('forwards while the broker has clients, and subscribes anew each time', () => {
  const link = new EmbeddedLink();
  const published: Message[] = [];
  const filters: string[] = [];
  const inside = {
    publish: (message: Message) => published.push(message) > 0,
    subscribe: (filter: string, _run: (message: Arrived) => void) => {
      filters.push(filter);
      return () => void filters.splice(filters.indexOf(filter), 1);
    },
  };
  let times = 0;
  const undo = link.subscribe('a/#', () => undefined);
  const forget = link.onConnected(() => {
    times += 1;
  });
  expect([link.connected, link.publish({ topic: 'a', payload: '' }), link.dropped]).toEqual([
    false,
    false,
    1,
  ]);
  link.connect(inside);
  link.connect(inside);
  expect([link.connected, times, filters]).toEqual([true, 1, ['a/#']]);
  expect(link.publish({ topic: 'a', payload: '' })).toBe(true);
  link.disconnect();
  expect([link.connected, filters]).toEqual([false, []]);
  link.connect(inside);
  expect([times, filters]).toEqual([2, ['a/#']]);
  forget();
  undo();
  expect(filters).toEqual([]);
});

it('goes on telling for a minute after the last client has gone', async () => {
  const clock = new FakeClock();
  const embedded = new Embedded({
    passwords: { check: async () => false, version: () => undefined },
    commands: [],
    names: [],
    clock,
    log: silentLog,
  });
  onTestFinished(() => embedded.stop());
  expect(embedded.counts()).toBe(undefined);
  const broker = await embedded.broker();
  const come = () => {
    const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    broker.accept(stream, 'read', { state: '', purpose: '' });
    stream.push(
      mqttPacket.generate({
        cmd: 'connect',
        clientId: '',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: true,
        keepalive: 0,
      }),
    );
    return stream;
  };
  const first = come();
  await vi.waitFor(() => expect(embedded.link.connected).toBe(true), 20_000);
  first.destroy();
  await vi.waitFor(() => expect(embedded.counts()?.clients).toBe(0), 20_000);
  await clock.advance(59_000);
  expect(embedded.link.connected).toBe(true);
  await clock.advance(2_000);
  expect(embedded.link.connected).toBe(false);
});
