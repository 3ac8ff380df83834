import type { OpId } from '../../policy/records.ts';
import { type Applied, MAX_RECENT } from './applied.ts';

/** What we say of our kernel, stream by stream: each is told once of every op, and the digest with every frame. */
export class AppliedFeed {
  #digest = '';
  #recent: OpId[] = [];
  /** Ops said so far; a stream's cursor counts the same. */
  #said = 0;

  /** Takes up the newest state of our kernel. False when it tells nothing new. */
  say(applied: Applied): boolean {
    if (applied.digest === this.#digest && applied.recent.length === 0) return false;
    this.#digest = applied.digest;
    this.#said += applied.recent.length;
    this.#recent = [...this.#recent, ...applied.recent].slice(-MAX_RECENT);
    return true;
  }

  /** What a stream that was told of the first `cursor` ops has not heard, and its new cursor. */
  since(cursor: number): { applied: Applied; cursor: number } {
    const fresh = Math.min(this.#said - cursor, this.#recent.length);
    const recent = fresh === 0 ? [] : this.#recent.slice(-fresh);
    return { applied: { digest: this.#digest, recent }, cursor: this.#said };
  }
}
