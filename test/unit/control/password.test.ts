import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isOnlyHere, needsPassword } from '../../../src/control/needs-password.ts';
import { PasswordFile } from '../../../src/control/password.ts';
import { parseHash } from '../../../src/control/password-hash.ts';
import { FakeClock } from '../../support/fake-clock.ts';

let folder: string;
let path: string;
let clock: FakeClock;
let password: PasswordFile;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hedgerow-password-'));
  path = join(folder, 'state/password');
  clock = new FakeClock();
  password = new PasswordFile(path, clock);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the password', () => {
  it('is not set at first, and nothing is right then', async () => {
    expect(password.isSet()).toBe(false);
    expect(await password.check('')).toBe(false);
  });

  it('is known once it is set, and again quickly', async () => {
    await password.set('grüne Hecke');
    expect(password.isSet()).toBe(true);
    expect(await password.check('grüne Hecke')).toBe(true);
    expect(await password.check('grüne Hecke')).toBe(true);
    // The same letters, written otherwise.
    expect(await password.check('grüne Hecke'.normalize('NFD'))).toBe(true);
    expect(await password.check('grune Hecke')).toBe(false);
    expect(await password.check('x'.repeat(100_000))).toBe(false);
  });

  it('lies in a file that tells nothing, for its owner only', async () => {
    await password.set('grüne Hecke');
    const text = readFileSync(path, 'utf8');
    expect(text).toMatch(/^\$scrypt\$ln=14,r=8,p=5\$[^$]{22}\$[^$]{43}\n$/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await password.set('grüne Hecke');
    expect(readFileSync(path, 'utf8')).not.toBe(text);
  });

  it('is noticed within a second when somebody else sets, changes or removes it', async () => {
    const other = new PasswordFile(path, clock);
    expect(password.isSet()).toBe(false);
    await other.set('first password');
    expect(password.isSet()).toBe(false);
    await clock.advance(1_000);
    expect(password.isSet()).toBe(true);
    const version = password.version();
    expect(await password.check('first password')).toBe(true);
    await other.set('second password');
    await clock.advance(1_000);
    expect(password.version()).not.toBe(version);
    expect(await password.check('first password')).toBe(false);
    rmSync(path);
    await clock.advance(1_000);
    expect(password.isSet()).toBe(false);
  });

  it('shuts the doors when its file is damaged', async () => {
    await password.set('first password');
    writeFileSync(path, 'nonsense');
    await clock.advance(1_000);
    expect(password.isSet()).toBe(true);
    expect(await password.check('first password')).toBe(false);
    expect(await password.check('nonsense')).toBe(false);
    chmodSync(path, 0);
    rmSync(path);
  });

  it('is checked a few times at once, and then refused', async () => {
    await password.set('first password');
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => password.check(`guess ${index}`)),
    );
    expect(answers).not.toContain(true);
    expect(password.refused).toBe(12);
    expect(password.busy).toBe(false);
    expect(await password.check('first password')).toBe(true);
  }, 30_000);

  it('has 8 characters at least', async () => {
    await expect(password.set('seven77')).rejects.toThrow('8 to 256');
    await expect(password.set('🌳🌳🌳🌳🌳🌳🌳')).rejects.toThrow('8 to 256');
    await expect(password.set('x'.repeat(257))).rejects.toThrow('8 to 256');
    expect(password.isSet()).toBe(false);
  });
});

describe('a stored hash', () => {
  const salt = 'A'.repeat(22);
  const hash = 'B'.repeat(43);
  it.each([
    ['', undefined],
    [`$scrypt$ln=14,r=8,p=5$${salt}$${hash}`, 14],
    [`$scrypt$ln=31,r=8,p=5$${salt}$${hash}`, undefined],
    [`$scrypt$ln=9,r=8,p=5$${salt}$${hash}`, undefined],
    [`$scrypt$ln=14,r=0,p=5$${salt}$${hash}`, undefined],
    [`$scrypt$ln=14,r=8,p=99$${salt}$${hash}`, undefined],
    [`$scrypt$ln=14,r=8,p=5$${salt}$`, undefined],
    [`$argon2id$v=19$m=65536,t=2,p=1$${salt}$${hash}`, undefined],
  ])('%s', (line, log2N) => {
    expect(parseHash(line)?.log2N).toBe(log2N);
  });
});

describe('where a door may listen without a password', () => {
  it.each([
    ['127.0.0.1:4480', true],
    ['127.9.9.9:1', true],
    ['localhost:4480', true],
    ['[::1]:4480', true],
    ['/run/hedgerow/spin.sock', true],
    ['0.0.0.0:4480', false],
    ['[::]:4480', false],
    ['192.168.1.1:4480', false],
    ['attic:4480', false],
    ['127.evil.example:4480', false],
    ['', false],
  ])('%s: %s', (address, may) => {
    expect(isOnlyHere(address)).toBe(may);
    expect(needsPassword(password)(address) === undefined).toBe(may);
  });

  it('is everywhere once there is one', async () => {
    await password.set('first password');
    expect(needsPassword(password)('0.0.0.0:4480')).toBeUndefined();
  });
});
