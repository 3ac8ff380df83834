import { expect, it } from 'vitest';
import { lacking, rightsHeld } from '../../../src/control/rights.ts';

it.each([
  ['root', 'CapEff:\t000001ffffffffff\n', []],
  ['the service', 'CapPrm:\t0000000000000000\nCapEff:\t0000000000003000\n', []],
  ['without capture', 'CapEff:\t0000000000001000\n', ['CAP_NET_RAW']],
  ['without enforcement', 'CapEff:\t0000000000002000\n', ['CAP_NET_ADMIN']],
  ['an ordinary user', 'CapEff:\t0000000000000000\n', ['CAP_NET_ADMIN', 'CAP_NET_RAW']],
  ['a kernel that does not tell', 'CapEff:\tnothing\n', ['CAP_NET_ADMIN', 'CAP_NET_RAW']],
])('reads the rights of %s', (_, status, lacks) => {
  expect(lacking(status)).toEqual(lacks);
});

it('tells those of this process', () => {
  expect(rightsHeld().uid).toBe(process.getuid?.());
});
