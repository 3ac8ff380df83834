import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { segmentsOf } from '../../src/control/http/files.ts';
import { isLoopbackHost, isOwnHost, isSameOrigin, readHost } from '../../src/control/http/hosts.ts';
import { basicPassword } from '../../src/control/http/watch.ts';
import { parseHash } from '../../src/control/password-hash.ts';

const hostish = fc
  .array(
    fc.constantFrom(
      'a',
      'evil',
      'localhost',
      '.',
      ':',
      '[',
      ']',
      '::1',
      '127',
      '0',
      '1',
      '80',
      '@',
      '/',
      '%',
      ' ',
      'Ä',
    ),
    {
      maxLength: 12,
    },
  )
  .map((parts) => parts.join(''));
const anyText = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), hostish);

describe('what a browser says of itself', () => {
  it('is a host or nothing, whatever it is', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const host = readHost(text);
        if (host === undefined) return;
        expect(host.name).toMatch(host.isAddress ? /^[0-9a-f:.]+$/ : /^[a-z0-9._-]+$/);
        expect(readHost(host.name.includes(':') ? `[${host.name}]` : host.name)).toEqual(host);
      }),
      { numRuns: 5_000 },
    );
  });

  it('is this router only under a name that nobody on the internet can have', () => {
    fc.assert(
      fc.property(fc.domain(), anyText, (domain, text) => {
        for (const name of [domain, `${text}.${domain}`, `localhost.${domain}`, `attic.${domain}`]) {
          const host = readHost(name);
          if (
            host === undefined ||
            host.isAddress ||
            /\.(localhost|local|lan|home|internal|localdomain)$/.test(host.name)
          )
            continue;
          expect(isOwnHost(host, '192.168.1.1', ['attic'])).toBe(false);
        }
      }),
    );
  });

  it('is loopback for every loopback address and no other', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const host = readHost(`${address}:80`);
        expect(host !== undefined && isLoopbackHost(host)).toBe(address.startsWith('127.'));
      }),
    );
  });

  it('is of the same origin only when scheme, name and port are', () => {
    fc.assert(
      fc.property(anyText, anyText, fc.boolean(), (origin, host, secure) => {
        if (!isSameOrigin(origin, host, secure)) return;
        const own = new URL(`${secure ? 'https' : 'http'}://${host}`);
        expect(new URL(origin).origin).toBe(own.origin);
      }),
    );
    fc.assert(
      fc.property(fc.domain(), fc.integer({ min: 1, max: 65_535 }), fc.boolean(), (name, port, secure) => {
        const { origin } = new URL(`${secure ? 'https' : 'http'}://${name}:${port}`);
        expect(isSameOrigin(origin, `${name}:${port}`, secure)).toBe(true);
        expect(isSameOrigin(origin, `${name}:${(port % 65_535) + 1}`, secure)).toBe(false);
        expect(isSameOrigin(origin, `${name}:${port}`, !secure)).toBe(false);
      }),
    );
  });
});

describe('the path of a file', () => {
  const pieces = fc
    .array(
      fc.constantFrom(
        'a',
        '.',
        '..',
        '/',
        '//',
        '%2e',
        '%2F',
        '%5c',
        '\\',
        '%00',
        '%25',
        '%252e',
        '%c0%ae',
        '%zz',
        '~',
        'é',
        '%0a',
      ),
      { maxLength: 12 },
    )
    .map((parts) => `/${parts.join('')}`);

  it('never leads upwards, to something hidden, or to another name than it says', () => {
    fc.assert(
      fc.property(fc.oneof(pieces, anyText), (path) => {
        const segments = segmentsOf(path);
        segments?.forEach((segment, at) => {
          expect(segment.startsWith('.')).toBe(false);
          expect(segment).not.toMatch(/[/\\\p{C}]/u);
          if (at < segments.length - 1) expect(segment).not.toBe('');
        });
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('other text from outside', () => {
  it('is a password of Basic authentication or none', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyText,
          anyText.map((text) => `Basic ${text}`),
        ),
        (text) => {
          expect(['string', 'undefined']).toContain(typeof basicPassword(text));
        },
      ),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (password) => {
        const header = `Basic ${Buffer.from(`any:${password}`).toString('base64')}`;
        expect(basicPassword(header)).toBe(Buffer.from(password).toString('utf8'));
      }),
    );
  });

  it('is a stored hash or none', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyText,
          anyText.map((text) => `$scrypt$ln=14,r=8,p=5$${text}`),
        ),
        (text) => {
          const hash = parseHash(text);
          if (hash !== undefined) expect(128 * 2 ** hash.log2N * hash.r).toBeLessThanOrEqual(2 ** 27);
        },
      ),
    );
  });
});
