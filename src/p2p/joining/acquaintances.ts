import type { PeerKey } from '../../policy/crypto.ts';
import type { Registers } from '../../policy/registers.ts';
import type { Replica } from '../../policy/replica.ts';
import type { HomeFile } from '../../store/home-file.ts';

/** So many addresses are remembered. */
const MAX_ADDRESSES = 50;
/** The home file holds no more. */
const MAX_SPONSORS = 100;

/**
 * The home file with the members of now and where they listen: with an empty store a router finds its home again by
 * them. While nobody else is known it stays as it is, and whom the replica has never heard of stays in it.
 */
export function withAcquaintances(
  home: HomeFile,
  replica: Replica,
  registers: Registers,
  self: PeerKey,
): HomeFile {
  const others = replica
    .members()
    .filter(({ peer, depth }) => depth >= 0 && peer !== self && replica.isMember(peer))
    .map(({ peer }) => peer);
  if (others.length === 0) return home;
  // A founder with an empty store may know somebody new before it hears of the others again.
  const unheardOf = home.sponsors.filter((peer) => replica.member(peer) === undefined);
  const listens = others.flatMap((peer) => registers.card(peer)?.listens ?? []);
  return {
    ...home,
    sponsors: [...new Set([...others.sort(), ...unheardOf])].slice(0, MAX_SPONSORS),
    bootstrap: [...new Set([...listens, ...home.bootstrap])].slice(0, MAX_ADDRESSES),
  };
}
