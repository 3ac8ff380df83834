import type { Socket } from 'node:net';
import { JSONRPCErrorCode } from 'json-rpc-2.0';
import * as z from 'zod';
import type { Clock, Timer } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { Lines } from './lines.ts';
import type { Connection } from './listeners.ts';
import type { Method } from './offer.ts';
import { Rpc, refusal } from './rpc.ts';
import type { Subscriber, Subscriptions } from './subscriptions.ts';
import type { Line, Turns } from './turns.ts';

/**
 * A request longer than this ends the connection (characters). The longest that there is, `home.join`, is far below; and
 * a line of brackets takes 60 times its length while it is read.
 */
const MAX_LINE = 256 * 1024;
const MAX_OPEN_REQUESTS = 64;
/** A client that has been told so often that it asks too much at a time is let go. */
const MAX_REFUSED_REQUESTS = 256;
/** A client is not read from while more than this waits to be read by it (bytes). */
const PAUSE_UNREAD = 256 * 1024;
/** A client that does not read its answers is let go beyond this (bytes). */
const MAX_UNREAD = 16 * 1024 * 1024;
/** Whoever begins a line ends it within this time. Who begins none may stay for ever. Milliseconds. */
const LINE_MS = 60_000;

/** What the socket turned away, since the start. */
export interface ServerCounters {
  refusedRequests: number;
  tooLong: number;
  halfLines: number;
  unread: number;
}

/** What all callers share. */
export interface CallerOptions {
  readonly rpc: Rpc;
  readonly methods: ReadonlyMap<string, Method>;
  readonly subscriptions: Subscriptions;
  readonly turns: Turns;
  readonly counters: ServerCounters;
  readonly clock: Clock;
  readonly log: Log;
}

const subscribing = z.strictObject({
  view: z.string().min(1).max(64),
  params: z.record(z.string().max(64), z.json()).default({}),
  everyMs: z.number().min(250).max(3_600_000).default(1_000),
});
const unsubscribing = z.strictObject({ subscription: z.number().int() });

/** One connection to the control socket: its requests, its subscriptions, and what it may cost. */
export class Caller implements Subscriber {
  readonly #socket: Socket;
  readonly #connection: Connection;
  readonly #options: CallerOptions;
  readonly #lines = new Lines(MAX_LINE);
  readonly #line: Line;
  #own: Rpc | undefined;
  #deadline: Timer | undefined;
  #open = 0;
  #refused = 0;
  #subscribed = 0;

  constructor(socket: Socket, connection: Connection, options: CallerOptions) {
    this.#socket = socket;
    this.#connection = connection;
    this.#options = options;
    this.#line = options.turns.line();
    connection.state = 'idle';
    connection.dismiss = (why) => this.dismiss(why);
    socket.setEncoding('utf8');
    socket.on('close', () => {
      this.#deadline?.clear();
      this.#line.clear();
      options.subscriptions.forget(this);
    });
    socket.on('drain', () => {
      this.#readOn();
      this.#show();
    });
    socket.on('data', (text: string) => this.#take(text));
  }

  get busy(): boolean {
    return this.#socket.writableLength > 0;
  }

  dismiss(why: string): void {
    this.#letGo(why);
    // Nobody waits until it has read what was said.
    if (this.busy) this.#socket.destroy();
  }

  tell(text: string): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    socket.write(`${text}\n`);
    this.#readOn();
    if (socket.writableLength > MAX_UNREAD) {
      this.#options.counters.unread += 1;
      socket.destroy();
    }
    this.#show();
  }

  #take(text: string): void {
    const { counters, clock } = this.#options;
    const lines = this.#lines.take(text);
    if (lines === undefined) {
      counters.tooLong += 1;
      this.#letGo(`a line is longer than ${MAX_LINE} characters`);
      return;
    }
    for (const line of lines) {
      if (line.trim() !== '' && !this.#request(line)) return;
    }
    if (lines.length > 0 || !this.#lines.pending) {
      this.#deadline?.clear();
      this.#deadline = undefined;
    }
    if (this.#lines.pending) {
      this.#deadline ??= clock.after(LINE_MS, () => {
        counters.halfLines += 1;
        this.#letGo(`a line was not ended within ${LINE_MS / 1000} s`);
      });
    }
  }

  /** False when it was let go for it. */
  #request(line: string): boolean {
    if (this.#open >= MAX_OPEN_REQUESTS) {
      this.#options.counters.refusedRequests += 1;
      this.#refused += 1;
      if (this.#refused > MAX_REFUSED_REQUESTS) {
        this.#letGo('far too many requests at a time');
        return false;
      }
      this.tell(refusal(JSONRPCErrorCode.InvalidRequest, 'too many requests at a time'));
      return true;
    }
    this.#open += 1;
    this.#line.add(() => this.#serve(line));
    this.#readOn();
    this.#show();
    return true;
  }

  /** Nothing more is read of a client while something of it waits for its turn, or waits to be read by it. */
  #readOn(): void {
    const isBehind = this.#line.waiting > 0 || this.#socket.writableLength > PAUSE_UNREAD;
    if (isBehind) this.#socket.pause();
    else this.#socket.resume();
  }

  #serve(line: string): void {
    this.#readOn();
    this.#answer(line).then(
      (answer) => {
        this.#open -= 1;
        if (answer === undefined) this.#show();
        else this.tell(answer);
      },
      (error: unknown) => {
        this.#open -= 1;
        this.#options.log.error({ error: messageOf(error) }, 'a request could not be answered');
        this.#socket.destroy();
      },
    );
  }

  async #answer(line: string): Promise<string | undefined> {
    let request: unknown;
    try {
      request = JSON.parse(line);
    } catch {
      return refusal(JSONRPCErrorCode.ParseError, 'this is not JSON');
    }
    const method = methodOf(request);
    if (method === 'subscribe' || method === 'unsubscribe') {
      this.#own ??= new Rpc(this.#ownMethods(), this.#options.log, 'unknown');
      return await this.#own.answer(request);
    }
    if (this.#subscribed === 0 && this.#options.methods.has(method)) this.#connection.purpose = method;
    return await this.#options.rpc.answer(request);
  }

  /** What only makes sense on a connection. */
  #ownMethods(): ReadonlyMap<string, Method> {
    const { subscriptions } = this.#options;
    return new Map<string, Method>([
      [
        'subscribe',
        {
          params: subscribing,
          run: async (given) => {
            const request = subscribing.parse(given);
            const subscription = subscriptions.subscribe(this, request);
            this.#subscribed += 1;
            this.#connection.purpose = `follows ${request.view}`;
            // It may have gone meanwhile.
            if (this.#socket.destroyed) subscriptions.forget(this);
            return { subscription };
          },
        },
      ],
      [
        'unsubscribe',
        {
          params: unsubscribing,
          run: async (given) => {
            const removed = subscriptions.unsubscribe(this, unsubscribing.parse(given).subscription);
            if (removed) this.#subscribed -= 1;
            return { removed };
          },
        },
      ],
    ]);
  }

  #show(): void {
    const state = this.busy
      ? 'slow'
      : this.#open > 0
        ? 'asking'
        : this.#subscribed > 0
          ? 'following'
          : 'idle';
    this.#connection.state = state;
  }

  /** Answers nothing more but why. */
  #letGo(why: string): void {
    this.#line.clear();
    this.#options.subscriptions.forget(this);
    this.#socket.removeAllListeners('data').resume();
    this.tell(refusal(JSONRPCErrorCode.InvalidRequest, why));
    this.#socket.destroySoon();
  }
}

function methodOf(request: unknown): string {
  const method = typeof request === 'object' && request !== null && 'method' in request ? request.method : '';
  return typeof method === 'string' ? method : '';
}
