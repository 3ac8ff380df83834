import { expect, test } from 'vitest';
import { heldWords } from '../../../../src/control/views/held-words.ts';
import type { Subject } from '../../../../src/policy/records.ts';

const side = (subject: Subject) => ({ subject, label: '' });
const tv = side({ kind: 'device', id: '1' });
const attic = side({ kind: 'router', peer: '2' });
const internet = side({ kind: 'internet' });
const lan = side({ kind: 'lan' });
const ads = side({ kind: 'domain', domain: 'ads.example' });
const NOTHING = { enforced: true, why: undefined, addresses: 0, networks: 0, wide: 0 };

test.each([
  ['block', tv, ads, { addresses: 1 }, 'blocked: 1 address'],
  ['block', tv, ads, { addresses: 4, networks: 1 }, 'blocked: 4 addresses, 1 network'],
  ['allow', tv, ads, { networks: 2 }, 'excepted: 2 networks'],
  ['block', tv, internet, { wide: 1 }, 'blocked: the internet for 1 device'],
  ['block', lan, tv, { wide: 3 }, 'blocked: all other devices for 3 devices'],
  ['block', attic, internet, { wide: 1 }, 'blocked: the internet for this router itself'],
  ['block', ads, attic, { addresses: 2 }, 'blocked: 2 addresses for this router itself'],
  [
    'block',
    tv,
    lan,
    { wide: 1, why: 'not between devices on the same switch' },
    'blocked: all other devices for 1 device; not between devices on the same switch',
  ],
  [
    'block',
    tv,
    ads,
    { enforced: false, why: 'no address is known for it yet' },
    'no address is known for it yet',
  ],
  ['block', tv, ads, { enforced: false }, 'not enforced'],
])('%s %j %j %j', (kind, a, b, here, words) => {
  expect(heldWords({ kind, a, b, here: { ...NOTHING, ...here } })).toBe(words);
});
