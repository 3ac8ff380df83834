import { type Clock, repeat } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Mac, NodeId } from '../../policy/block-set.ts';
import type { News } from '../../policy/news.ts';
import type { Service } from '../../service.ts';
import { SEEN, type SeenStore, seenRange } from '../../store/seen-store.ts';
import { AliasFile } from './alias-file.ts';
import type { Aliases } from './aliases.ts';
import { Kept } from './kept.ts';
import type { NodeCache } from './node-cache.ts';
import { decodeMemory, type NodeMemory } from './node-memory.ts';

export interface NodeFileOptions {
  readonly store: SeenStore;
  readonly cache: NodeCache;
  readonly aliases: Aliases;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether a flow, or whoever else comes and goes, holds the node. */
  readonly held: (id: NodeId) => boolean;
  /** Whether another router knew a device before; then it is not told as new. */
  readonly knownElsewhere?: (id: NodeId) => boolean;
  /** MACs of the home's routers: what an earlier run took for a device is none. */
  readonly routerMacs?: () => ReadonlySet<Mac>;
}

export interface NodeFileHealth {
  /** What was read at the start. */
  readonly loaded: { devices: number; remotes: number; aliases: number };
  /** Values that were not what was written, which are dropped, and those of a newer version, which are left alone. */
  readonly rubbish: number;
  readonly newer: number;
  /** Entries that are kept now. */
  readonly kept: number;
  /** Values written since the start, nodes that wait their turn, and those that found no room to. */
  readonly written: number;
  readonly waiting: number;
  readonly dropped: number;
  readonly lastError: string | undefined;
}

/** How often it is looked at what has changed. */
const EVERY_MS = 5_000;
/** What has changed is on disk after this time at the latest, unless too much changes. */
const FLUSH_MS = 5 * 60_000;
/** A new device is on disk sooner, so that it is told once only. */
const SOON_MS = 20_000;
/** When a device was last seen is written so often. */
const LAST_SEEN_MS = 6 * 60 * 60_000;
const READ_MS = 10_000;
const WRITE_MS = 4_000;

/**
 * What this router knows of its devices, over restarts: MACs, names, bindings, when they were seen, and the aliases of nodes;
 * of remotes only those that the policy refers to, and those with an alias that are in use. Written when it changes, in
 * batches, and not more than a flash can bear; a device that was never seen before is told once it cannot be forgotten.
 */
export class NodeFile implements Service {
  readonly name = 'node-file';
  readonly #options: NodeFileOptions;
  readonly #changes: News<NodeId>;
  readonly #kept: Kept;
  readonly #aliasFile: AliasFile;
  readonly #stopper = new AbortController();
  #running: Promise<void> | undefined;
  #loaded = { devices: 0, remotes: 0, aliases: 0 };
  #rubbish = 0;
  #newer = 0;
  #read = 0;
  #referred: ReadonlySet<NodeId>;
  #flushedAt = Number.NEGATIVE_INFINITY;
  #refreshedAt: number;
  #lastError: string | undefined;

  constructor(options: NodeFileOptions) {
    this.#options = options;
    const { cache, aliases, store, clock, held } = options;
    this.#changes = cache.changes();
    this.#aliasFile = new AliasFile(aliases, store);
    this.#referred = cache.referred;
    this.#refreshedAt = clock.monotonic();
    this.#kept = new Kept({
      store,
      memory: (id) => cache.memory(id),
      devices: () => cache.devices().map(({ node }) => node),
      wanted: (id) => cache.referred.has(id) || (aliases.has(id) !== undefined && held(id)),
      clock,
    });
    cache.news.hold();
  }

  /** Whether a device is on file: an earlier run saw it, or this one. */
  knows(id: NodeId): boolean {
    return this.#kept.knows(id);
  }

  health(): NodeFileHealth {
    return {
      loaded: this.#loaded,
      rubbish: this.#rubbish,
      newer: this.#newer,
      kept: this.#kept.size,
      written: this.#kept.written,
      waiting: this.#kept.waiting,
      dropped: this.#kept.dropped,
      lastError: this.#lastError,
    };
  }

  /** Reads what an earlier run left into the cache, before anything is observed, and goes on writing. */
  async start(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const any = AbortSignal.any([signal, this.#stopper.signal]);
    await Promise.race([this.#load(any), clock.sleep(READ_MS, any)]);
    this.#referred = new Set();
    this.#aliasFile.reserve();
    await this.#flush(any).catch((error: unknown) => {
      this.#lastError = messageOf(error);
    });
    any.throwIfAborted();
    this.#running = repeat((inner) => this.#round(inner), {
      clock,
      signal: any,
      everyMs: EVERY_MS,
      maxMs: FLUSH_MS,
      onFailure: (error) => {
        this.#lastError = messageOf(error);
      },
    });
  }

  /** Writes everything. */
  async stop(): Promise<void> {
    this.#stopper.abort();
    await this.#running;
    if (this.#running === undefined) return;
    this.#running = undefined;
    this.#takeAliases();
    this.#take();
    this.#kept.writeAll();
    this.#aliasFile.end();
    try {
      await this.#flush();
    } catch (error) {
      this.#lastError = messageOf(error);
    }
    this.#tellNew();
  }

  async #load(signal: AbortSignal): Promise<void> {
    const { store, cache, log } = this.#options;
    const routers = this.#options.routerMacs?.() ?? new Set();
    const memories: NodeMemory[] = [];
    for await (const [key, value] of store.entries(seenRange(SEEN.nodes))) {
      signal.throwIfAborted();
      const verdict = this.#loadOne(key, value);
      if (verdict === 'newer') this.#newer += 1;
      else if (verdict === 'rubbish') this.#rubbish += 1;
      const isRouter = typeof verdict === 'object' && verdict.descriptor.macs.some((mac) => routers.has(mac));
      if (verdict === 'rubbish' || isRouter) store.del(key);
      else if (typeof verdict === 'object') memories.push(verdict);
    }
    // In the order in which they were seen: what has to go first stands first.
    memories.sort((x, y) => (x.life.last?.at ?? 0) - (y.life.last?.at ?? 0));
    this.#kept.changed(this.#changes.take() ?? []);
    cache.remember(memories);
    // What was just read need not be written.
    this.#changes.take();
    for (const { descriptor } of memories) {
      this.#loaded[descriptor.device ? 'devices' : 'remotes'] += 1;
      this.#kept.found(descriptor.node, descriptor.device);
    }
    if (this.#rubbish > 0) log.warn({ rubbish: this.#rubbish }, 'some of what was kept of nodes is damaged');
  }

  #loadOne(key: string, value: Uint8Array): NodeMemory | 'alias' | 'newer' | 'rubbish' {
    if (this.#aliasFile.has(key)) {
      const verdict = this.#aliasFile.load(key, value);
      if (verdict === 'alias') this.#loaded.aliases += 1;
      return verdict === 'next' ? 'alias' : verdict;
    }
    const id = this.#kept.idOf(key);
    return id === undefined ? 'rubbish' : decodeMemory(key, id, value);
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    this.#takeAliases();
    this.#take();
    const now = clock.monotonic();
    if (now - this.#refreshedAt >= LAST_SEEN_MS) {
      this.#refreshedAt = now;
      this.#kept.refresh();
    }
    this.#kept.write();
    const { unwritten, urgent } = this.#kept;
    const since = now - this.#flushedAt;
    if (since < SOON_MS || !(urgent || (unwritten > 0 && since >= FLUSH_MS))) return;
    try {
      await this.#flush(signal);
    } finally {
      this.#tellNew();
    }
  }

  /** Notes what has changed, and which devices are no longer to be kept. */
  #take(): void {
    const { cache } = this.#options;
    const changed = this.#changes.take();
    this.#kept.changed(changed ?? cache.descriptors().map(({ node }) => node));
    if (cache.referred !== this.#referred) {
      this.#kept.changed(cache.referred.symmetricDifference(this.#referred));
      this.#referred = cache.referred;
    }
    const { notices } = cache.news.since(this.#read);
    this.#read = cache.news.last;
    for (const notice of notices) {
      // One that made room for others is still known, should it come back.
      if (notice.kind === 'gone' && notice.device && notice.why !== 'room') this.#kept.forget(notice.node);
    }
  }

  #takeAliases(): void {
    const { ids, values } = this.#aliasFile.write();
    this.#kept.changed(ids);
    if (values > 0) this.#kept.note(values);
    if (this.#aliasFile.reserve()) this.#kept.note(1, true);
  }

  async #flush(signal?: AbortSignal): Promise<void> {
    const { store, clock } = this.#options;
    this.#flushedAt = clock.monotonic();
    const late = new AbortController();
    const timer = clock.after(WRITE_MS, () => late.abort(new Error('the disk did not answer')));
    const ends = signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]);
    try {
      await Promise.race([store.flush(), aborted(ends)]);
      this.#kept.flushed();
      this.#lastError = undefined;
    } finally {
      timer.clear();
    }
  }

  #tellNew(): void {
    const { cache, log, knownElsewhere = () => false } = this.#options;
    const { last } = cache.news;
    cache.news.release(knownElsewhere);
    const devices = cache.news.since(last).notices.filter(({ kind }) => kind === 'new').length;
    if (devices > 0) log.info({ devices }, 'devices were seen for the first time');
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
