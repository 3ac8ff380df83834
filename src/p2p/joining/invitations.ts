import type { Clock } from '../../clock.ts';
import { TemporaryError } from '../../errors.ts';
import type { RecordId } from '../../policy/block-set.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import { admittedBy, type OpenInvitation } from '../../policy/invitations.ts';
import type { Record } from '../../policy/records.ts';
import type { Replica } from '../../policy/replica.ts';
import { generateKey, type SigningKey } from '../keys.ts';

export interface InvitationsOptions {
  readonly clock: Clock;
  readonly clockTrusted: () => boolean;
  readonly replica: Pick<Replica, 'version' | 'openInvitations' | 'members' | 'op'>;
}

/** What an admin's router makes of a key that somebody proves. */
export type Standing =
  /** `sure`: its time lasts; otherwise this router cannot tell, and does not admit by it. */
  | { readonly kind: 'open'; readonly sure: boolean; readonly invitation: OpenInvitation }
  /** Its time lasts, and these were admitted by it. */
  | { readonly kind: 'used'; readonly by: readonly PeerKey[] };

export type InviteRecord = Extract<Record, { kind: 'invite' }>;

/** So many of one router are never open at a time. */
const MAX_OPEN = 32;
/** So long after the end of another router's invitation this one clears it away, milliseconds. */
const CLEAR_AFTER_MS = 86_400_000;

/**
 * The home's open invitations, which are ops (docs/adr/0021), with the clocks of this router: what it gave in this run ends by the
 * monotonic clock, everything else by the wall clock as long as that is trusted.
 */
export class Invitations {
  readonly #options: InvitationsOptions;
  /** When those given in this run end, monotonic milliseconds. */
  readonly #given = new Map<PeerKey, number>();
  #open: ReadonlyMap<PeerKey, OpenInvitation> = new Map();
  #openAt = -1;

  constructor(options: InvitationsOptions) {
    this.#options = options;
  }

  /**
   * Opens one. `write` makes it an op: what to retire with it, because it has ended, and what to add. TemporaryError when this
   * router has too many open; what `write` rejects with is passed on.
   */
  async issue(
    { self, admin, forMs }: { self: PeerKey; admin: boolean; forMs: number },
    write: (over: readonly RecordId[], record: InviteRecord) => Promise<unknown>,
  ): Promise<{ key: SigningKey; until: number }> {
    const { clock, clockTrusted } = this.#options;
    if (this.list().filter(({ author }) => author === self).length >= MAX_OPEN) {
      throw new TemporaryError(`${MAX_OPEN} invitations of this router are open already`, {
        hint: 'wait until one is used or ends; hedgerow invite --withdraw ends them all',
      });
    }
    const key = generateKey();
    const until = clock.now() + forMs;
    const endsAt = clock.monotonic() + forMs;
    const record = { kind: 'invite', key: key.peer, admin } as const;
    await write(this.#over(self), clockTrusted() ? { ...record, until } : record);
    this.#given.set(key.peer, endsAt);
    this.#forget();
    return { key, until };
  }

  /** What to make of a key; undefined when it is that of a stranger: no invitation, or one that has ended. */
  find(key: PeerKey): Standing | undefined {
    const invitation = this.#now().get(key);
    if (invitation !== undefined) {
      const time = this.#time(key, invitation.until);
      return time === 'over' ? undefined : { kind: 'open', sure: time === 'lasts', invitation };
    }
    const admitted = admittedBy(this.#options.replica, key);
    if (admitted.length === 0) return undefined;
    const until = admitted.map(({ by }) => this.#untilOf(key, by)).find((each) => each !== undefined);
    const by = admitted.map(({ peer }) => peer);
    return this.#time(key, until) === 'lasts' ? { kind: 'used', by } : undefined;
  }

  /** Those that may still be good, of all routers. */
  list(): OpenInvitation[] {
    return [...this.#now().values()].filter((one) => !this.#isOver(one));
  }

  #now(): ReadonlyMap<PeerKey, OpenInvitation> {
    const { replica } = this.#options;
    if (this.#openAt !== replica.version) {
      this.#openAt = replica.version;
      this.#open = new Map(replica.openInvitations().map((one) => [one.key, one]));
    }
    return this.#open;
  }

  #isOver({ key, until }: OpenInvitation): boolean {
    return this.#time(key, until) === 'over';
  }

  #time(key: PeerKey, until: number | undefined): 'lasts' | 'over' | 'unknown' {
    const { clock, clockTrusted } = this.#options;
    const endsAt = this.#given.get(key);
    if (endsAt !== undefined) return clock.monotonic() < endsAt ? 'lasts' : 'over';
    if (until === undefined || !clockTrusted()) return 'unknown';
    return clock.now() < until ? 'lasts' : 'over';
  }

  /** Until when the invitation lasted that this op used up. */
  #untilOf(key: PeerKey, admission: string | undefined): number | undefined {
    const { replica } = this.#options;
    for (const id of (admission === undefined ? undefined : replica.op(admission))?.over ?? []) {
      const [op = '', index] = id.split('/');
      const record = replica.op(op)?.add[Number(index)];
      if (record?.kind === 'invite' && record.key === key) return record.until;
    }
    return undefined;
  }

  /** What has ended: our own at once, others' a day later, as with timed policies. Of an earlier run of ours without a time, all. */
  #over(self: PeerKey): RecordId[] {
    const { clock, clockTrusted } = this.#options;
    const ended = (one: OpenInvitation): boolean => {
      if (one.author === self)
        return this.#isOver(one) || (one.until === undefined && !this.#given.has(one.key));
      return one.until !== undefined && clockTrusted() && clock.now() > one.until + CLEAR_AFTER_MS;
    };
    return [...this.#now().values()].filter(ended).map(({ id }) => id);
  }

  /** Of those that are neither open nor within their time nothing is kept. */
  #forget(): void {
    const now = this.#options.clock.monotonic();
    for (const [key, endsAt] of this.#given)
      if (now >= endsAt && !this.#now().has(key)) this.#given.delete(key);
  }
}
