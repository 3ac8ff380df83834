import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Fill, Plan } from '../../../../src/local/enforce/backend.ts';
import { decodePlan, encodePlan } from '../../../../src/local/enforce/plan-format.ts';

const CHAINS = '*mangle\n:HEDGEROW - [0:0]\n-A HEDGEROW -j HR-O\nCOMMIT\n';
const empty = { passing: '', blocking: '', known: '' };
const plan = (blocking: string, others: Partial<Fill> = {}): Plan => ({
  backend: 'ipset',
  variant: 'nft',
  sets: { v4: { ...empty, blocking, ...others }, v6: empty },
  chains: { v4: CHAINS, v6: CHAINS },
});

test('is read as it was written', () => {
  expect(decodePlan(encodePlan(plan('x\n')))).toEqual({ plan: plan('x\n') });
});

test('any flipped character is refused', () => {
  const text = encodePlan(plan('add hedge-R-4 203.0.113.7\n'));
  for (let i = 0; i < text.length; i++) {
    const flipped = `${text.slice(0, i)}${text[i] === '7' ? '8' : '7'}${text.slice(i + 1)}`;
    expect(decodePlan(flipped)).toHaveProperty('wrong');
    expect(decodePlan(text.slice(0, i))).toHaveProperty('wrong');
  }
});

test('a file of the first version is read, its lines in parts; one of a version to come is refused', () => {
  const sets = [
    ...['create hedge-U-4 hash:net', 'create hedge-a0-6 hash:ip', 'create hedge-K-4 hash:ip'],
    ...['create hedge-r0-4 hash:ip', 'add hedge-U-4 192.0.2.1/32', 'add hedge-a0-6 2001:db8::1'],
    ...['add hedge-r0-4 203.0.113.7', 'add hedge-K-4 192.0.2.9', 'create hedge-H-6 hash:net'],
  ];
  const old = { ...plan(''), sets: `${sets.join('\n')}\n` };
  const v4 = {
    passing: 'create hedge-U-4 hash:net\nadd hedge-U-4 192.0.2.1/32\n',
    blocking: 'create hedge-r0-4 hash:ip\nadd hedge-r0-4 203.0.113.7\n',
    known: 'create hedge-K-4 hash:ip\nadd hedge-K-4 192.0.2.9\n',
  };
  const v6 = {
    ...empty,
    passing: 'create hedge-a0-6 hash:ip\nadd hedge-a0-6 2001:db8::1\ncreate hedge-H-6 hash:net\n',
  };
  const text = (version: number): string => {
    const body = JSON.stringify(old);
    return `hedgerow-plan/${version} ${createHash('sha256').update(body).digest('hex')}\n${body}`;
  };
  expect(decodePlan(text(1))).toEqual({ plan: { ...plan(''), sets: { v4, v6 } } });
  expect(decodePlan(text(2))).toEqual({ wrong: 'not a plan' });
  expect(decodePlan(text(3))).toEqual({ wrong: 'unknown version' });
});
