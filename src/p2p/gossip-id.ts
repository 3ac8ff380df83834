/**
 * What tells a gossiped message apart, from what stands on it: its publisher and its number, as gossipsub's own id for signed
 * messages. A copy of one whose signature was good is known by it, and not checked again: that takes a quarter of a millisecond, and
 * in a home of twelve each op comes six times. Nobody can use up another one's: gossipsub keeps it for two minutes, and only after the
 * publisher's signature was found good.
 */
export function gossipId({
  from,
  seqno,
}: {
  readonly from?: Uint8Array;
  readonly seqno?: Uint8Array;
}): string {
  return `${text(from)} ${text(seqno)}`;
}

function text(bytes: Uint8Array | undefined): string {
  return bytes === undefined
    ? ''
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}
