import { describe, expect, it } from 'vitest';
import { FairBucket } from '../../../src/control/fair-bucket.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const limits = { burst: 100, perHour: 60 };

describe('a bucket for all with a share for each', () => {
  const often = (bucket: FairBucket, who: string) => {
    let taken = 0;
    while (bucket.take(who) === 0) taken += 1;
    return taken;
  };

  it('leaves something to others when one has taken all', () => {
    const bucket = new FairBucket(new FakeClock(), limits);
    expect(often(bucket, 'mqtt')).toBe(100);
    expect(often(bucket, 'anna')).toBe(10);
    expect(often(bucket, 'anna')).toBe(0);
    expect(bucket.refused).toBe(3);
  });

  it('is not emptied by one who says another name each time', () => {
    const bucket = new FairBucket(new FakeClock(), limits);
    let taken = 0;
    for (let i = 0; i < 100_000; i += 1) if (bucket.take(`mqtt ${i}`) === 0) taken += 1;
    expect(taken).toBe(100);
  });

  it('says when there is something again, and has room for new ones once the old are full again', async () => {
    const clock = new FakeClock();
    const bucket = new FairBucket(clock, limits);
    for (let i = 0; i < 64; i += 1) often(bucket, `${i}`);
    expect(bucket.take('anna')).toBe(60);
    await clock.advance(60_000);
    expect(bucket.take('anna')).toBe(0);
    await clock.advance(24 * 3_600_000);
    often(bucket, 'mqtt');
    expect(often(bucket, 'anna')).toBe(10);
  });
});
