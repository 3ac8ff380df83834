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

  /** Whether the other side may send on, as yamux has it. */
  windowOpen = true;
  readonly gathered: Uint8Array[] = [];

  pause(): void {
    this.readStatus = 'paused';
    this.windowOpen = false;
  }

  /** In libp2p's order (abstract-message-stream.js): what has gathered first, then the window. */
  resume(): void {
    this.readStatus = 'readable';
    for (const data of this.gathered.splice(0)) this.arrive(data);
    this.windowOpen = true;
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

it('a pause that what has gathered makes necessary at once holds the other side back', async () => {
  const { stream, channel } = open();
  for (let i = 0; i < 10; i++) stream.arrive(frame(Uint8Array.of(i)));
  for (let i = 10; i < 30; i++) stream.gathered.push(frame(Uint8Array.of(i)));
  for (let i = 0; i < 10; i++) await channel.receive();
  expect(stream.readStatus).toBe('paused');
  expect(stream.windowOpen).toBe(false);
  for (let i = 10; i < 30; i++) expect(await channel.receive()).toEqual(Uint8Array.of(i));
  expect(stream.windowOpen).toBe(true);
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
