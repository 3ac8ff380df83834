import { describe, expect, test } from 'vitest';
import {
  commandArguments,
  isSshFailure,
  masterArguments,
  missingCommand,
  refusalOf,
  remoteCommand,
  targetName,
  withoutRefusedSession,
} from '../../../src/local/exec-ssh-words.ts';

const target = { host: '192.168.1.1', user: 'root', port: 22, knownHosts: '/var/lib/hedgerow/known_hosts' };

describe('what ssh is told', () => {
  test('never to ask, never to trust a key that nobody has accepted, and nothing that its own configuration says', () => {
    for (const argv of [masterArguments(target, '/s', 'x'), commandArguments(target, '/s', 'x')]) {
      const text = argv.join(' ');
      expect(text).toContain('-F none');
      expect(text).toContain('BatchMode=yes');
      expect(text).toContain('StrictHostKeyChecking=yes');
      expect(text).toContain('UserKnownHostsFile=/var/lib/hedgerow/known_hosts');
      expect(text).toContain('GlobalKnownHostsFile=/dev/null');
      expect(text).toContain('ControlPath=/s');
      expect(text).toContain('ConnectTimeout=');
      expect(argv.slice(-3)).toEqual(['--', '192.168.1.1', 'x']);
    }
    expect(masterArguments(target, '/s', 'x').join(' ')).toMatch(/ControlMaster=yes.*ServerAliveInterval=5/);
    expect(commandArguments(target, '/s', 'x')).toContain('ControlMaster=no');
  });

  test('a key of its own keeps it from trying others', () => {
    expect(commandArguments(target, '/s', 'x')).not.toContain('IdentitiesOnly=yes');
    const argv = commandArguments({ ...target, key: '/k' }, '/s', 'x');
    expect(argv).toContain('IdentitiesOnly=yes');
    expect(argv).toContain('IdentityFile=/k');
  });

  test('the command takes the place of the shell and carries its mark first', () => {
    expect(remoteCommand(['ipset', "it's"], 'me:a1:7:')).toMatch(
      /; exec env -i HEDGEROW_EXEC=me:a1:7: PATH="\$PATH" 'ipset' 'it'\\''s'$/,
    );
  });

  test('a router is called as one would log in to it', () => {
    expect(targetName(target)).toBe('root@192.168.1.1');
    expect(targetName({ ...target, port: 2222 })).toBe('root@192.168.1.1:2222');
  });
});

/** As OpenSSH 9.2 says them. */
const CHANGED = `@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
The fingerprint for the ED25519 key sent by the remote host is
SHA256:TesSCO9oxpEc9TuEUbuYveZHkANnWA2VmhC2Tfv1wrM.
Host key for [127.0.0.1]:2299 has changed and you have requested strict checking.
Host key verification failed.
`;
const UNKNOWN = `No ED25519 host key is known for [127.0.0.1]:2299 and you have requested strict checking.
Host key verification failed.
`;

describe('what ssh says', () => {
  test.each([
    [UNKNOWN, 'unknown host key', undefined],
    [CHANGED, 'changed host key', 'SHA256:TesSCO9oxpEc9TuEUbuYveZHkANnWA2VmhC2Tfv1wrM'],
    ['root@127.0.0.1: Permission denied (publickey).\n', 'denied', undefined],
    ['ssh: connect to host 127.0.0.1 port 2298: Connection refused\r\n', 'other', undefined],
    ['', 'other', undefined],
  ])('%j', (text, kind, fingerprint) => {
    expect(refusalOf(text)).toMatchObject({ kind, fingerprint });
  });

  test('its last line is told', () => {
    expect(refusalOf('a\nssh: connect to host x port 22: No route to host\r\n\n').said).toBe(
      'ssh: connect to host x port 22: No route to host',
    );
  });

  test('255 is the exit code of ssh only where ssh has spoken', () => {
    expect(isSshFailure(255, 'Command "x" is unknown, try "ip monitor help".\n')).toBe(false);
    expect(isSshFailure(255, 'mux_client_request_session: read from master failed: Broken pipe\n')).toBe(
      true,
    );
    expect(isSshFailure(1, 'ssh: connect to host x\n')).toBe(false);
  });

  test('a command that is missing over there is told from one that ends with the same code', () => {
    expect(missingCommand(127, 'hedgerow: ipset is not installed\n')).toBe('ipset');
    expect(missingCommand(127, 'sh: ipset: not found\n')).toBeUndefined();
    expect(missingCommand(1, 'hedgerow: ipset is not installed\n')).toBeUndefined();
  });

  test('that a connection had no room is no complaint of the command', () => {
    const refused = 'mux_client_request_session: session request failed: Session open refused by peer\r\n';
    expect(withoutRefusedSession(`${refused}ipset: bad\n`)).toBe('ipset: bad\n');
  });
});
