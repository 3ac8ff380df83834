import { randomBytes } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { TemporaryError } from '../../errors.ts';
import { leaseSeconds, type Mapping, type Method, type Wish } from './method.ts';
import {
  addressQuestion,
  NONCE_BYTES,
  natPmpQuestion,
  type PortAnswer,
  pcpQuestion,
  readAddressAnswer,
  readNatPmpAnswer,
  readPcpAnswer,
  refusalText,
} from './port-control-wire.ts';
import { askUdp } from './udp-question.ts';

/** Of both protocols; PCP kept NAT-PMP's. */
const PORT = 5351;

/** NAT-PMP (RFC 6886). */
export function natPmp(clock: Clock): Method {
  const ask = async (wish: Wish, seconds: number, signal: AbortSignal) => {
    const { gateway, internalPort } = wish;
    const externalPort = seconds === 0 ? 0 : wish.externalPort;
    const answer = await askUdp(
      {
        host: gateway,
        port: PORT,
        bytes: () => natPmpQuestion({ internalPort, externalPort, seconds }),
        read: (datagram) => readNatPmpAnswer(datagram, internalPort),
        clock,
      },
      signal,
    );
    return granted(answer);
  };
  return {
    name: 'NAT-PMP',
    async map(wish, signal) {
      const { externalPort, seconds } = await ask(wish, leaseSeconds(wish.leaseMs), signal);
      const outside = {
        host: wish.gateway,
        port: PORT,
        bytes: addressQuestion,
        read: readAddressAnswer,
        clock,
      };
      const answer = await askUdp(outside, signal);
      if ('code' in answer) throw new TemporaryError(refusalText(answer.code));
      return { ...wish, externalPort, leaseMs: shorter(wish, seconds), externalAddress: answer.address };
    },
    async unmap(mapping, signal) {
      await ask(mapping, 0, signal);
    },
  };
}

/** PCP (RFC 6887). */
export function pcp(clock: Clock): Method {
  // One for the life of the agent: with another one the gateway takes us for somebody else (RFC 6887, section 11.2).
  const nonce = randomBytes(NONCE_BYTES);
  const ask = async (wish: Wish, seconds: number, signal: AbortSignal) => {
    const answer = await askUdp(
      {
        host: wish.gateway,
        port: PORT,
        bytes: (local) => pcpQuestion({ ...wish, seconds }, local, nonce),
        read: (datagram) => readPcpAnswer(datagram, nonce),
        clock,
      },
      signal,
    );
    return granted(answer);
  };
  return {
    name: 'PCP',
    async map(wish, signal) {
      const { externalPort, seconds, externalAddress } = await ask(wish, leaseSeconds(wish.leaseMs), signal);
      if (externalAddress === undefined) throw new TemporaryError('it does not tell its address');
      return { ...wish, externalPort, leaseMs: shorter(wish, seconds), externalAddress };
    },
    async unmap(mapping, signal) {
      await ask(mapping, 0, signal);
    },
  };
}

function granted(answer: PortAnswer): Extract<PortAnswer, { granted: true }> {
  if (answer.granted) return answer;
  throw new TemporaryError(refusalText(answer.code));
}

/** A gateway may grant less than was asked for, and what is more is not relied on. */
function shorter({ leaseMs }: Wish, seconds: number): Mapping['leaseMs'] {
  if (seconds === 0) throw new TemporaryError('it grants no lease');
  return Math.min(leaseMs, seconds * 1_000);
}
