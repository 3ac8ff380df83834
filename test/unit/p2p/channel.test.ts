import type { Stream } from '@libp2p/interface';
import { expect, it } from 'vitest';
import { StreamChannel } from '../../../src/p2p/channel.ts';
import { frame } from '../../../src/p2p/frames.ts';

/** The part of a libp2p stream that a channel uses. */
class FakeStream extends EventTarget {
  status = 'open';
  readStatus = 'readable';
  writeBufferLength = 0;
  readonly sent: Uint8Array[] = [];

  send(data: Uint8Array): boolean {
    this.sent.push(data);
    this.writeBufferLength += data.length;
    return true;
  }

  arrive(data: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }));
  }

  drain(): void {
    this.writeBufferLength = 0;
    this.dispatchEvent(new Event('drain'));
  }

  pause(): void {
    this.readStatus = 'paused';
  }

  resume(): void {
    this.readStatus = 'readable';
  }

  abort(error: Error): void {
    this.status = 'aborted';
    this.dispatchEvent(Object.assign(new Event('close'), { error }));
  }
}

function open(maxFrame?: number): { stream: FakeStream; channel: StreamChannel } {
  const stream = new FakeStream();
  // The channel uses no more of a stream than the fake has.
  return { stream, channel: new StreamChannel(stream as unknown as Stream, maxFrame) };
}

it('sending waits for the drain event once 256 KiB are queued, and again the next time', async () => {
  const { stream, channel } = open();
  for (let round = 0; round < 2; round++) {
    let done = false;
    await channel.send(new Uint8Array(100_000));
    await channel.send(new Uint8Array(100_000));
    const waiting = channel.send(new Uint8Array(100_000)).then(() => {
      done = true;
    });
    await Promise.resolve();
    expect(done).toBe(false);
    stream.drain();
    await waiting;
  }
  expect(stream.sent).toHaveLength(6);
});

it('reading pauses while many messages wait, and resumes when they were taken', async () => {
  const { stream, channel } = open();
  for (let i = 0; i < 10; i++) stream.arrive(frame(Uint8Array.of(i)));
  expect(stream.readStatus).toBe('paused');
  for (let i = 0; i < 10; i++) expect(await channel.receive()).toEqual(Uint8Array.of(i));
  expect(stream.readStatus).toBe('readable');
});

it('tells the end after what was received, and a reset as an error to both halves', async () => {
  const { stream, channel } = open();
  stream.arrive(frame(Uint8Array.of(1)));
  stream.dispatchEvent(new Event('remoteCloseWrite'));
  expect(await channel.receive()).toEqual(Uint8Array.of(1));
  expect(await channel.receive()).toBeUndefined();
  const broken = open();
  const waiting = broken.channel.receive();
  broken.stream.abort(new Error('reset'));
  await expect(waiting).rejects.toThrow('reset');
  await expect(broken.channel.send(Uint8Array.of(1))).rejects.toThrow('reset');
});

it('a sender that waits is told when the stream is reset', async () => {
  const { stream, channel } = open();
  const waiting = channel.send(new Uint8Array(300_000));
  stream.abort(new Error('slow reader'));
  await expect(waiting).rejects.toThrow('slow reader');
});

it('a frame that is too large aborts the stream', async () => {
  const { stream, channel } = open(100);
  stream.arrive(frame(new Uint8Array(101)));
  expect(stream.status).toBe('aborted');
  await expect(channel.receive()).rejects.toThrow('too large');
});
