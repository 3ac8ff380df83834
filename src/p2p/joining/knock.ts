import type { Clock } from '../../clock.ts';
import { messageOf, TemporaryError, UsageError } from '../../errors.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import { homeIdOf } from '../../policy/genesis.ts';
import { StreamChannel } from '../channel.ts';
import { within } from '../deadline.ts';
import { createCrypto, keyFromSeed, type SigningKey } from '../keys.ts';
import { Overlay, type TransportFactory } from '../overlay.ts';
import { WIRE_VERSION } from '../wire.ts';
import { JOIN_PROTOCOL } from './guests.ts';
import type { InvitationToken, TokenAdmin } from './invitation-token.ts';
import {
  decodeJoinAnswer,
  encodeJoinRequest,
  type JoinAnswer,
  joinProof,
  MAX_ANSWER_BYTES,
} from './join-wire.ts';

export interface KnockOptions {
  readonly token: InvitationToken;
  /** The key under which this router is to be admitted. */
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly transport?: TransportFactory;
}

/** Who admitted it is to be trusted, and where the others are. */
export type Admitted = Extract<JoinAnswer, { kind: 'admitted' }>;

/** A router that is switched off costs so long, however many addresses it has, milliseconds. */
const DIAL_MS = 3_000;
const STAGGER_MS = 250;
const ANSWER_MS = 10_000;
const WHOLE_MS = 40_000;

/**
 * Comes to the routers that a token names, one after the other, with its one-use key, and asks to be admitted. UsageError when that
 * is refused; TemporaryError when nobody was reached, or when an answer was lost: then asking again tells what came of it.
 */
export async function knock(options: KnockOptions): Promise<Admitted> {
  const { token, clock, signal, transport } = options;
  const nothing = (): void => undefined;
  const named = (peer: PeerKey) => token.admins.some((admin) => admin.peer === peer);
  const overlay = new Overlay({
    key: keyFromSeed(token.seed),
    psk: Buffer.from(token.psk, 'hex'),
    listen: [],
    announce: [],
    topics: [],
    transport,
    trusted: named,
    member: named,
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
      return await askAll(overlay, options, limited);
    });
  } finally {
    await overlay.stop();
  }
}

/** What one router's answer comes to. `next`: another one may admit; `lost`: this one may have admitted. */
type Outcome =
  | { readonly kind: 'admitted'; readonly answer: Admitted }
  | { readonly kind: 'refused' | 'next' | 'lost' | 'shut' | 'away'; readonly why: string };

async function askAll(overlay: Overlay, options: KnockOptions, signal: AbortSignal): Promise<Admitted> {
  const heard: Exclude<Outcome, { kind: 'admitted' }>[] = [];
  for (const admin of options.token.admins) {
    const outcome = await ask(overlay, options, admin, signal);
    if (outcome.kind === 'admitted') return outcome.answer;
    heard.push(outcome);
    if (outcome.kind === 'refused') break;
  }
  throw failure(heard, options.token);
}

/** The one thing to tell a person of all that was heard: what is surest first. */
function failure(heard: readonly { kind: string; why: string }[], { admins }: InvitationToken): Error {
  const why = (kind: string) => heard.find((one) => one.kind === kind)?.why;
  const [refused, lost, next, shut] = ['refused', 'lost', 'next', 'shut'].map(why);
  if (refused !== undefined) {
    return new UsageError(`the home does not admit this router: ${refused}`, {
      hint: 'make a new token there: hedgerow invite',
    });
  }
  if (lost !== undefined) {
    return new TemporaryError(`the answer of the other router was lost: ${lost}`, {
      hint: 'repeat the command: if this router was admitted, it hears so',
    });
  }
  if (next !== undefined) {
    return new TemporaryError(`no router that was reached can admit this one now: ${next}`, {
      hint: 'join while the router that made the token can be reached, or make a new token',
    });
  }
  if (shut !== undefined) {
    return new UsageError('this token lets nobody in: it was used, has ended or was withdrawn', {
      hint: 'make a new one there: hedgerow invite',
    });
  }
  const where = admins.flatMap(({ addresses }) => addresses).join(', ');
  return new TemporaryError('no router that this token names was reached', {
    hint: `they were at ${where || 'no address'}; a token lets in once, for as long as its maker said`,
  });
}

async function ask(
  overlay: Overlay,
  options: KnockOptions,
  admin: TokenAdmin,
  signal: AbortSignal,
): Promise<Outcome> {
  const { clock } = options;
  try {
    await within(clock, DIAL_MS, signal, 'dial', (limited) => reach(overlay, clock, admin, limited));
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'away', why: messageOf(error) };
  }
  let channel: StreamChannel;
  try {
    const stream = await within(clock, DIAL_MS, signal, 'join', (limited) =>
      overlay.open(admin.peer, JOIN_PROTOCOL, limited),
    );
    channel = new StreamChannel(stream, MAX_ANSWER_BYTES);
  } catch (error) {
    signal.throwIfAborted();
    // A dial resolves even where the gater closed the connection.
    return { kind: 'shut', why: messageOf(error) };
  }
  return await request(channel, options, admin, signal);
}

/** Dials its addresses, each a moment after the one before (as RFC 8305 does), until the first stands. */
async function reach(overlay: Overlay, clock: Clock, admin: TokenAdmin, signal: AbortSignal): Promise<void> {
  const stands = new AbortController();
  const either = AbortSignal.any([signal, stands.signal]);
  const dial = async (address: string, n: number): Promise<void> => {
    if (n > 0) await clock.sleep(n * STAGGER_MS, either);
    // Named by its address alone: libp2p joins dials to one peer, and then tries their addresses in turn.
    const peer = await overlay.dial(address, undefined, either);
    if (peer !== admin.peer) throw new TemporaryError('another router answered there');
  };
  try {
    await Promise.any(admin.addresses.map(dial));
  } finally {
    stands.abort();
  }
}

async function request(
  channel: StreamChannel,
  { token, key, clock }: KnockOptions,
  admin: TokenAdmin,
  signal: AbortSignal,
): Promise<Outcome> {
  const { home } = token;
  const proof = key.sign(joinProof(home, keyFromSeed(token.seed).peer, admin.peer));
  let bytes: Uint8Array | undefined;
  try {
    bytes = await within(clock, ANSWER_MS, signal, 'join', async () => {
      await channel.send(encodeJoinRequest({ version: WIRE_VERSION, home, peer: key.peer, proof }));
      return await channel.receive();
    });
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'lost', why: messageOf(error) };
  }
  const answer = bytes === undefined ? undefined : decodeJoinAnswer(bytes);
  if (answer?.ok !== true) return { kind: 'lost', why: answer?.why ?? 'it hung up' };
  if (answer.value.kind === 'refused')
    return { kind: answer.value.elsewhere ? 'next' : 'refused', why: answer.value.why };
  // Its genesis makes a home's id: who answers with another one speaks of another home.
  if (homeIdOf(answer.value.genesis, createCrypto()) !== home)
    return { kind: 'next', why: 'it told of another home' };
  return { kind: 'admitted', answer: answer.value };
}
