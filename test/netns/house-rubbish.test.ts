import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, type Status } from '../../lab/ask.ts';
import type { House } from '../../lab/house-api.ts';
import { paths } from '../../lab/paths.ts';
import { OVERLAY_PORT, routerAddress } from '../../lab/topology.ts';
import { until } from '../../lab/wait.ts';
import { generateKey } from '../../src/p2p/keys.ts';
import { toHex } from '../../src/policy/crypto.ts';
import { readHomeFile } from '../../src/store/home-file.ts';
import { trafgenConfig } from './frames.ts';
import { block, digests, raiseHome, ways } from './home.ts';
import type { Task } from './intruder.ts';
import { type Calm, calm, crowd, deepRequest, expectUnharmed, noise, say, wrongRequests } from './rubbish.ts';

const INTRUDER = `${import.meta.dirname}/intruder.ts`;
const MiB = 1024 * 1024;

describe('a house that is sent rubbish', () => {
  let house: House;
  let before: Calm;
  beforeAll(async () => {
    house = await raiseHome('test-rubbish');
    await block(house, 'attic', 'tv', 'ads.example');
    await block(house, 'garage', 'laptop', 'ads.example');
    await until('all to agree', async () => new Set(await digests(house)).size === 1);
  });
  afterAll(async () => {
    await house?.down();
  });
  beforeEach(async () => {
    before = await calm(house);
  });

  const socket = () => house.controlSocket('attic');
  const homeFile = () => {
    const file = readHomeFile(house.outside('/run/lab/attic/state/home.json'));
    if (file === undefined) throw new Error('attic has no home file');
    return file;
  };
  const targets = async () =>
    await Promise.all(
      house.topology.routers.map(async (router) => ({
        host: routerAddress(router).ipv4,
        port: OVERLAY_PORT,
        peer: (await ask<{ peer: string }>(house, router.name, 'status')).peer,
      })),
    );
  const intrude = async <T>(task: Task): Promise<T> =>
    JSON.parse(await house.must('net', [paths.node, INTRUDER, JSON.stringify(task)])) as T;

  describe('on the control socket', () => {
    it('answers bytes that are no requests with errors, and lets go of lines without end', async () => {
      const answers = await Promise.all([
        say(socket(), [noise(100_000), '\n'], { lines: 1 }),
        say(
          socket(),
          [
            '\n\n\r\n \n{}\n[]\nnull\n"x"\n0\n{"jsonrpc":"2.0"}\n{"jsonrpc":"1.0","id":1,"method":"status"}\n',
          ],
          { lines: 1 },
        ),
        say(socket(), ['{"jsonrpc":"2.0","id":1,"met'], { lines: 0 }),
        say(socket(), [deepRequest(10_000), '\n'], { lines: 1 }),
        say(socket(), [deepRequest(125_000), '\n'], { lines: 1 }),
      ]);
      const lines = answers.map((text) => text.split('\n').filter((line) => line !== ''));
      for (const line of lines.flat()) expect(JSON.parse(line)).toHaveProperty('error');
      expect(lines.map(({ length }) => length > 0)).toEqual([true, true, false, true, true]);
      for (const endless of ['x', '{"jsonrpc":', '\u{1f980}']) {
        const answer = await say(socket(), Array(64).fill(endless.repeat(MiB / endless.length)), {
          lines: 1,
        });
        expect(answer).toContain('a line is longer than');
      }
      await expectUnharmed(house, before);
    });

    it('refuses parameters of every wrong type, for every method', async () => {
      const requests = wrongRequests();
      for (let from = 0; from < requests.length; from += 50) {
        const some = requests.slice(from, from + 50);
        const said = await say(socket(), [`${some.join('\n')}\n`], { lines: some.length });
        const answers = said.trim().split('\n');
        expect(answers).toHaveLength(some.length);
        for (const [index, answer] of answers.entries()) {
          const { error } = JSON.parse(answer) as { error?: { message: string; data?: { name: string } } };
          expect(error, `${some[index]} → ${answer}`).toBeDefined();
          expect(error?.data?.name, `${some[index]} → ${answer}`).not.toBe('InternalError');
        }
      }
      await expectUnharmed(house, before);
    });

    it('has room for who asks beside a crowd of 300 that says nothing, and when it is gone', async () => {
      const leave = await crowd(socket(), 300);
      expect(await ask(house, 'attic', 'status')).toMatchObject({ policies: 2 });
      leave();
      const answers = () =>
        ask<Status>(house, 'attic', 'status').then(
          ({ policies }) => policies === 2,
          () => false,
        );
      await until('a place to be free', answers);
      await expectUnharmed(house, before);
    });

    it('lets go of one that asks and asks', async () => {
      for (const line of ['{"jsonrpc":"2.0","id":1,"method":"status"}\n', 'rubbish\n']) {
        const flood = Array(20).fill(line.repeat(5_000));
        let heard = '';
        // The end of the connection may overtake what was said last: then it is asked again.
        for (let n = 0; n < 5 && heard === ''; n++) heard = await say(socket(), flood, { lines: 1 });
        const answers = heard.trim().split('\n');
        expect(answers.at(-1)).toContain('far too many requests at a time');
        expect(answers.length).toBeLessThan(1_000);
      }
      await expectUnharmed(house, before);
    });
  });

  describe('on the port of the overlay', () => {
    const alive = async () => {
      const peers = await ask<{ router: string; state: string }[]>(house, 'attic', 'peers');
      return peers.filter(({ state }) => state === 'alive').map(({ router }) => router);
    };
    const members = expect.arrayContaining(['kitchen', 'garage']);

    it('hangs up on noise and on connections that say nothing, and stays with its members', async () => {
      const task = { role: 'noise', targets: await targets(), connections: 100, ms: 25_000 } as const;
      const { opened, hungUp } = await intrude<{ opened: number; hungUp: number }>(task);
      expect(opened).toBeGreaterThan(0);
      expect(hungUp).toBe(300);
      expect(await alive()).toEqual(members);
      await expectUnharmed(house, before);
    });

    it('gives a stranger no stream, with the pre-shared key or with another', async () => {
      const { psk } = homeFile();
      const at = await targets();
      const keys = [psk, 'ab'.repeat(32)];
      const got = await Promise.all(keys.map((key) => intrude({ role: 'stranger', targets: at, psk: key })));
      expect(got).toEqual([[], []]);
      await expectUnharmed(house, before);
    });

    it('takes nothing false from a member gone bad, and ends its streams', async () => {
      const { psk, genesis } = homeFile();
      const bad = generateKey();
      await ask(house, 'attic', 'home.add', { peer: bad.peer, by: 'test' });
      await until('all to agree', async () => new Set(await digests(house)).size === 1);
      before = await calm(house);
      const { learned, stayedOpen, published } = await intrude<{
        learned: { outcome: string; digest: string };
        stayedOpen: string[];
        published: number;
      }>({ role: 'member', targets: await targets(), psk, genesis, seed: toHex(bad.seed) });
      expect(learned).toMatchObject({ outcome: 'done', digest: before.routers[0]?.digest });
      expect(stayedOpen).toEqual([]);
      expect(published).toBeGreaterThan(0);
      expect(await alive()).toEqual(members);
      await expectUnharmed(house, before);
      // The good ones go on, at once.
      const { routers } = await block(house, 'kitchen', 'phone', 'tracker.example');
      expect(
        routers
          .filter(({ applied }) => applied)
          .map(({ router }) => router)
          .sort(),
      ).toEqual(['attic', 'garage', 'kitchen']);
    });
  });

  it('reads on after frames of a device that make no sense', async () => {
    const config = '/run/lab/tv/frames.cfg';
    writeFileSync(house.outside(config), trafgenConfig());
    await house.must('tv', ['trafgen', '--dev', 'eth0', '--conf', config, '--num', '20000', '--cpus', '1'], {
      timeoutMs: 20_000,
    });
    await expectUnharmed(house, before);
    // What makes sense is still read: a new device of a new name, and a name that is asked for.
    await house.must('console', ['dig', '+short', '+time=2', 'shared-a.example']);
    await until('the name to be known', async () => {
      const nodes = await ask<{ domains: string[] }[]>(house, 'attic', 'nodes');
      return nodes.some(({ domains }) => domains.includes('shared-a.example'));
    });
  });

  describe('in its files', () => {
    const agent = (config: string) =>
      house.exec('garage', [paths.node, paths.hedgerow, 'agent', '--config', config], { timeoutMs: 15_000 });
    const config = '/run/lab/garage/bad.yaml';
    const state = '/run/lab/garage/state';
    const sums = () => house.sh(`cd ${state} && find . -type f -not -name plan | sort | xargs sha256sum`);

    it.each([
      ['a backend that is none', 'enforce: {backend: magic}', 'enforce.backend'],
      ['a name with a space', 'agent: {name: "Living Room"}', 'agent.name'],
      ['a relative path', 'agent: {stateDir: relative}', 'agent.stateDir'],
      ['a bootstrap address that is none', 'p2p: {bootstrap: [nonsense]}', 'bootstrap'],
      ['words for a number', 'p2p: {toleranceSeconds: soon}', 'p2p.toleranceSeconds'],
      ['a group that is not there', 'control: {group: no-such-group}', 'control.group'],
      ['a prefix that is too long', 'home: {networks: [10.0.0.0/33]}', 'home.networks.0'],
      ['a key that is none', 'blokc: {}', 'blokc'],
      ['a newer version', 'configVersion: 9', 'configVersion'],
      ['control characters', '\u0000\u0001\u0002: [', 'bad.yaml'],
      ['twenty thousand brackets', `a: ${'['.repeat(20_000)}`, 'bad.yaml'],
    ])('refuses a config with %s in one clear line', async (_, text, key) => {
      const dir = '/run/lab/garage/elsewhere';
      // A state folder and a socket of its own: the router's agent runs.
      const base = text.includes('stateDir') || text.includes('agent') ? '' : `agent: {stateDir: ${dir}}\n`;
      const own = text.includes('control') ? '' : `control: {socket: ${dir}.sock}\n`;
      writeFileSync(house.outside(config), `${base}${own}${text}\n`);
      const { code, stdout, stderr } = await agent(config);
      const said = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
      expect({ code, stdout }, stderr).toEqual({ code: 78, stdout: '' });
      expect(said[0]).toContain(key);
      expect(said[0]?.length).toBeLessThan(300);
      expect(said.length, stderr).toBeLessThanOrEqual(2);
      await expectUnharmed(house, before);
    });

    it('refuses files that are damaged and leaves them byte for byte as they are; blocked stays blocked', async () => {
      const good = '/run/lab/garage/hedgerow.yaml';
      await house.kill('garage', 'SIGTERM');
      await house.sh(`cp -a ${state} ${state}.whole`);
      const damages: [string, (path: string) => void][] = [
        ['store/CURRENT', (path) => writeFileSync(path, 'nonsense')],
        ['store/*.log', (path) => writeFileSync(path, flipped(readFileSync(path)))],
        ['store/MANIFEST-*', (path) => writeFileSync(path, noise(100))],
        ['home.json', (path) => writeFileSync(path, readFileSync(path).subarray(0, 80))],
        ['peer.key', (path) => writeFileSync(path, noise(90))],
      ];
      for (const [pattern, damage] of damages) {
        const file = (await house.sh(`ls -S ${state}/${pattern} | head -1`)).trim();
        damage(house.outside(file));
        const kept = await sums();
        const { code, stdout, stderr } = await agent(good);
        const said = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
        expect({ code, stdout }, `${pattern}\n${stderr}`).toEqual({ code: 65, stdout: '' });
        expect(said.length, stderr).toBeLessThanOrEqual(2);
        expect(await sums(), pattern).toBe(kept);
        await house.sh(`rm -rf ${state} && cp -a ${state}.whole ${state}`);
      }
      expect(await ways(house, 'laptop', 'ads.example')).toEqual([]);
      expect(await ways(house, 'laptop', 'video.example')).not.toEqual([]);
      await house.start('garage');
      await until('garage to be back', async () => new Set(await digests(house)).size === 1);
      const { routers } = await calm(house);
      expect(routers.map(({ policies }) => policies)).toEqual(before.routers.map(({ policies }) => policies));
      expect(await ways(house, 'laptop', 'ads.example')).toEqual([]);
    });
  });
});

function flipped(bytes: Buffer): Buffer {
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}
