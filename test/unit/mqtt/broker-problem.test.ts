import { describe, expect, it } from 'vitest';
import { brokerProblem, disconnectProblem, isVersionRefused } from '../../../src/mqtt/broker-problem.ts';

describe('what is wrong with a broker, in words', () => {
  for (const [error, words] of [
    [{ code: 'ECONNREFUSED' }, 'nothing listens there'],
    [{ code: 134 }, 'wrong user or password'],
    [{ code: 4 }, 'wrong user or password'],
    [{ code: 5 }, 'wrong user or password, or this user may not connect'],
    [{ code: 131 }, 'it refused, with code 131'],
    [
      { code: 'SELF_SIGNED_CERT_IN_CHAIN' },
      'its certificate is signed by nobody that we know: name the authority in mqtt.external.ca',
    ],
    [Object.assign(new Error('odd'), { code: 'EODD' }), 'odd'],
    [new Error('connack timeout'), 'connack timeout'],
    ['text', 'text'],
    [undefined, 'undefined'],
    [new Error('x'.repeat(1_000)), 'x'.repeat(200)],
  ] as const)
    it(words.slice(0, 40), () => {
      expect(brokerProblem(error)).toBe(words);
    });

  it('knows when a broker does not speak our version, and why it ended a connection', () => {
    expect([1, 132, 134, 'ECONNREFUSED', undefined].map((code) => isVersionRefused({ code }))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect([undefined, 0, 142].map(disconnectProblem)).toEqual([
      'it hung up',
      'it hung up',
      'somebody else connected with our client id',
    ]);
  });
});
