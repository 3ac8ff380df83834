import { describe, expect, it } from 'vitest';
import {
  natPmpQuestion,
  pcpQuestion,
  readAddressAnswer,
  readNatPmpAnswer,
  readPcpAnswer,
  refusalText,
} from '../../../../src/p2p/port-mapping/port-control-wire.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const wish = { internalPort: 4411, externalPort: 4412, seconds: 3600 };
const nonce = Buffer.alloc(12, 0xab);

describe('NAT-PMP', () => {
  it('asks as RFC 6886, section 3.3, has it', () => {
    expect(Buffer.from(natPmpQuestion(wish)).toString('hex')).toBe('00020000113b113c00000e10');
  });

  it('reads the address and the mapping', () => {
    expect(readAddressAnswer(hex('0080 0000 00000001 05050501'))).toEqual({
      ok: true,
      value: { address: '5.5.5.1' },
    });
    expect(readNatPmpAnswer(hex('0082 0000 00000001 113b 113d 00000e10'), 4411)).toEqual({
      ok: true,
      value: { granted: true, externalPort: 4413, seconds: 3600 },
    });
  });

  it('reads a refusal, which may be short, and words it', () => {
    expect(readNatPmpAnswer(hex('0082 0002'), 4411)).toEqual({
      ok: true,
      value: { granted: false, code: 2 },
    });
    expect(readAddressAnswer(hex('0080 0003'))).toEqual({ ok: true, value: { code: 3 } });
    expect(refusalText(2)).toBe('it does not allow it');
    expect(refusalText(99)).toBe('it refuses with code 99');
  });

  it.each([
    '',
    '00',
    '0082',
    '0082 0000 00000001 2222 113d 00000e10',
    '0182 0000 00000001 113b 113d 00000e10',
    '0082 0000',
  ])('takes no other answer for its own: %s', (text) => {
    expect(readNatPmpAnswer(hex(text), 4411).ok).toBe(false);
  });
});

describe('PCP', () => {
  const question = Buffer.from(pcpQuestion(wish, '192.168.9.2', nonce));
  const answered = (change: (answer: Buffer) => void): Buffer => {
    const answer = Buffer.from(question);
    answer[1] = 0x81;
    answer.set([0, 0, 0, 60], 4);
    answer.set([5, 5, 5, 1], 56);
    change(answer);
    return answer;
  };

  it('asks as RFC 6887, sections 7.1 and 11.1, has it', () => {
    expect(question.toString('hex')).toBe(
      `0201000000000e10${'00'.repeat(10)}ffffc0a80902${'ab'.repeat(12)}06000000113b113c${'00'.repeat(10)}ffff00000000`,
    );
  });

  it('reads what was granted, and a refusal', () => {
    expect(
      readPcpAnswer(
        answered(() => undefined),
        nonce,
      ),
    ).toEqual({
      ok: true,
      value: { granted: true, externalPort: 4412, seconds: 60, externalAddress: '5.5.5.1' },
    });
    expect(
      readPcpAnswer(
        answered((answer) => answer.writeUInt8(8, 3)),
        nonce,
      ),
    ).toEqual({
      ok: true,
      value: { granted: false, code: 8 },
    });
  });

  it('understands a gateway that speaks NAT-PMP only', () => {
    expect(readPcpAnswer(hex('0081 0001 00000000'), nonce)).toEqual({
      ok: true,
      value: { granted: false, code: 1 },
    });
  });

  it('takes no answer with another nonce, and none that is cut off', () => {
    expect(
      readPcpAnswer(
        answered((answer) => answer.fill(0, 24, 36)),
        nonce,
      ).ok,
    ).toBe(false);
    expect(readPcpAnswer(answered(() => undefined).subarray(0, 59), nonce).ok).toBe(false);
  });
});
