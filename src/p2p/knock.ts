import type { Clock } from '../clock.ts';
import { messageOf, TemporaryError, UsageError } from '../errors.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { HomeId } from '../policy/identity.ts';
import { StreamChannel } from './channel.ts';
import { within } from './deadline.ts';
import { JOIN_PROTOCOL } from './guests.ts';
import type { InvitationToken } from './invitation-token.ts';
import {
  decodeJoinAnswer,
  encodeJoinRequest,
  type JoinAnswer,
  joinProof,
  MAX_ANSWER_BYTES,
} from './join-wire.ts';
import { keyFromSeed, type SigningKey } from './keys.ts';
import { Overlay, type TransportFactory } from './overlay.ts';
import { WIRE_VERSION } from './wire.ts';

export interface KnockOptions {
  readonly token: InvitationToken;
  readonly home: HomeId;
  /** The key under which this router is to be admitted. */
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly transport?: TransportFactory;
}

/** Who admitted it is to be trusted, and where the others are. */
export type Admitted = Extract<JoinAnswer, { kind: 'admitted' }>;

const DIAL_MS = 3_000;
const ANSWER_MS = 10_000;
const WHOLE_MS = 30_000;

/**
 * Comes to the router that made a token, with its one-use key, and asks to be admitted. UsageError when it refuses; TemporaryError
 * when it cannot be reached, or when its answer was lost: then this router may be admitted or not.
 */
export async function knock(options: KnockOptions): Promise<Admitted> {
  const { token, clock, signal, transport } = options;
  const guest = keyFromSeed(token.seed);
  const nothing = (): void => undefined;
  const overlay = new Overlay({
    key: guest,
    psk: Buffer.from(token.psk, 'hex'),
    listen: [],
    announce: [],
    topics: [],
    transport,
    trusted: (peer) => peer === token.inviter,
    member: () => false,
    muted: () => true,
    onHandshake: nothing,
    onRefused: nothing,
    onOpen: nothing,
    onClose: nothing,
    onIdentify: nothing,
  });
  try {
    return await within(clock, WHOLE_MS, signal, 'joining', async (limited) => {
      await overlay.start();
      await reach(overlay, options, limited);
      return await request(overlay, options, guest.peer, limited);
    });
  } finally {
    await overlay.stop();
  }
}

/** Dials the addresses one after the other until one stands. */
async function reach(overlay: Overlay, { token, clock }: KnockOptions, signal: AbortSignal): Promise<void> {
  let last: unknown;
  for (const address of token.addresses) {
    try {
      await within(clock, DIAL_MS, signal, 'dial', (limited) =>
        overlay.dial(address, token.inviter, limited),
      );
      return;
    } catch (error) {
      signal.throwIfAborted();
      last = error;
    }
  }
  throw new TemporaryError('the router that made this token was not reached, or did not let this one in', {
    cause: last,
    hint: `it was at ${token.addresses.join(', ') || 'no address'}; a token lets in once, for as long as its maker said`,
  });
}

async function request(
  overlay: Overlay,
  { token, home, key, clock }: KnockOptions,
  guest: PeerKey,
  signal: AbortSignal,
): Promise<Admitted> {
  let channel: StreamChannel;
  try {
    const stream = await within(clock, DIAL_MS, signal, 'join', (limited) =>
      overlay.open(token.inviter, JOIN_PROTOCOL, limited),
    );
    channel = new StreamChannel(stream, MAX_ANSWER_BYTES);
  } catch (cause) {
    signal.throwIfAborted();
    // A dial resolves even where the gater closed the connection.
    throw new UsageError('this token lets nobody in: it was used, has ended or was withdrawn', {
      cause,
      hint: 'make a new one there: hedgerow invite',
    });
  }
  const proof = key.sign(joinProof(home, guest, token.inviter));
  let bytes: Uint8Array | undefined;
  try {
    bytes = await within(clock, ANSWER_MS, signal, 'join', async () => {
      await channel.send(encodeJoinRequest({ version: WIRE_VERSION, home, peer: key.peer, proof }));
      return await channel.receive();
    });
  } catch (cause) {
    throw lost(messageOf(cause), cause);
  }
  const answer = bytes === undefined ? undefined : decodeJoinAnswer(bytes);
  if (answer?.ok !== true) throw lost(answer?.why ?? 'it hung up', undefined);
  if (answer.value.kind === 'admitted') return answer.value;
  throw new UsageError(`the other router does not admit this one: ${answer.value.why}`);
}

function lost(why: string, cause: unknown): TemporaryError {
  return new TemporaryError(`the answer of the other router was lost: ${why}`, {
    cause,
    hint: 'if hedgerow home lists this router there, hedgerow home add <its key> prints what it needs; else make a new token',
  });
}
