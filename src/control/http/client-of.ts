import { normalizeIP } from '@fastify/rate-limit';
import type { FastifyRequest } from 'fastify';

/** Where a request comes from, for counting: an address, of IPv6 the /64 (one host has as many addresses as it likes). */
export function clientOf(request: FastifyRequest): string {
  const address = request.raw.socket.remoteAddress;
  return address === undefined ? 'gone' : normalizeIP(address.split('%')[0] ?? '', 64);
}
