import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseConfig } from '../../../../src/config-file.ts';
import { ownPorts, sshPorts } from '../../../../src/local/enforce/own-ports.ts';
import { ScriptedExec } from './scripted-exec.ts';

const { signal } = new AbortController();
const SSHD =
  '#Port 1\nPort 2222\n  port 22\nListenAddress 0.0.0.0:2200\nListenAddress [::]:2201 rdomain x\nListenAddress ::\nPortly 5\n';
const DROPBEAR = "config dropbear\n\toption Port '2022'\n\toption RootPasswordAuth 'on'\n";

test('the ports at which sshd and dropbear listen', () => {
  expect(sshPorts(SSHD + DROPBEAR)).toEqual([2222, 22, 2200, 2201, 2022]);
  expect(sshPorts('Port 0\nPort 65536\nPort 99999')).toEqual([]);
  // As sshd takes them, too; and of systemd's socket, where it listens for sshd.
  expect(sshPorts('Port 2222 # at night\nport=2223\nPort = "2224"\nListenAddress=0.0.0.0:2225\n')).toEqual([
    2222, 2223, 2224, 2225,
  ]);
  expect(
    sshPorts('[Socket]\nListenStream=\nListenStream=2226\nListenStream=[::]:2227\nListenStream=/run/s\n'),
  ).toEqual([2226, 2227]);
});

test('rubbish gives ports or nothing', () => {
  const word = fc.constantFrom(
    'Port ',
    'ListenAddress ',
    'option port ',
    "'",
    '[',
    ']',
    ':',
    '22',
    '70000',
    '\n',
    ' ',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(word).map((words) => words.join('')),
  );
  fc.assert(
    fc.property(text, (said) => {
      const ports = sshPorts(said);
      expect(ports.length).toBeLessThanOrEqual(16);
      expect(ports.every((port) => Number.isInteger(port) && port > 0 && port < 65_536)).toBe(true);
    }),
  );
});

test('with those of the overlay, the page and the session that commands are run by; the first stay when no file is read', async () => {
  const config = parseConfig(
    'exec: {ssh: {host: r, port: 2022}}\nhttp: {listen: ["192.168.1.1:4480"]}\n',
    'a test',
  );
  const found = await ownPorts(config, new ScriptedExec(() => ({ stdout: 'Port 2222\n' })), signal);
  expect(found).toEqual({
    served: [22, 2222, 2022, 4411, 4411, 4480],
    members: [4411, 4411],
    tracked: false,
  });
  const none = await ownPorts(config, new ScriptedExec(() => ({ code: 1 })), signal);
  expect(none.served).toContain(22);
});

test('connections are tracked where the kernel can, and nobody said that it must not', async () => {
  const tracking = new ScriptedExec((argv) =>
    argv.includes('nf_conntrack_max') ? { stdout: '\n# connections are tracked\n' } : {},
  );
  expect(await ownPorts(parseConfig('', 'a test'), tracking, signal)).toMatchObject({ tracked: true });
  const not = parseConfig('observe: {track: false}\n', 'a test');
  expect(await ownPorts(not, tracking, signal)).toMatchObject({ tracked: false });
});
