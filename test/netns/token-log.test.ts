import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { paths } from '../../lab/paths.ts';
import { until } from '../../lab/wait.ts';
import { decodeToken } from '../../src/p2p/joining/invitation-token.ts';
import { type Agent, inStep, Place } from '../durability/agent.ts';

let place: Place;
let attic: Agent;
let cellar: Agent;
let shed: Agent;
const children: ChildProcess[] = [];
/** Everything that an agent or a command that takes a token wrote, in the order of when it was started. */
const written: string[] = [];

/** Starts an agent that says all that it can, and keeps all of it. */
async function start(agent: Agent): Promise<void> {
  const config = parse(readFileSync(agent.config, 'utf8'));
  writeFileSync(agent.config, stringify({ ...config, log: { level: 'debug' } }));
  children.push(keep(place.spawn(['agent', '--config', agent.config])));
  await until(`${agent.name} to be ready`, () => isReady(agent), { timeoutMs: 30_000, everyMs: 50 });
}

async function isReady(agent: Agent): Promise<boolean> {
  try {
    return (await agent.status()).readyMs > 0;
  } catch {
    // Not listening yet.
    return false;
  }
}

function keep(child: ChildProcess): ChildProcess {
  const at = written.push('') - 1;
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      written[at] += text;
    });
  return child;
}

/** Runs `hedgerow join -` with a token on its standard input; answers how it ended, and the command lines of all processes meanwhile. */
async function joins(agent: Agent, token: string): Promise<{ code: number | null; lines: Set<string> }> {
  const child = keep(
    spawn(paths.node, [paths.hedgerow, 'join', '-', '--drop-policies', '--config', agent.config], {
      stdio: 'pipe',
    }),
  );
  const ended = once(child, 'close');
  child.stdin?.end(`${token}\n`);
  const lines = new Set<string>();
  while (child.exitCode === null && child.signalCode === null) {
    for (const line of commandLines()) lines.add(line);
    await new Promise((next) => setTimeout(next, 50));
  }
  await ended;
  return { code: child.exitCode, lines };
}

/** What ps(1) shows of every process, and the environment that it was started with. */
function commandLines(): string[] {
  const read = (path: string) => {
    try {
      return readFileSync(path, 'utf8').replaceAll('\0', ' ');
    } catch {
      // It has ended meanwhile.
      return '';
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => [read(`/proc/${pid}/cmdline`), read(`/proc/${pid}/environ`)]);
}

/** A secret in every form in which it could slip into a text, shortened so that parts of it are found too. */
function forms(secret: Uint8Array): string[] {
  const raw = Buffer.from(secret);
  const numbers = [...raw.subarray(0, 8)];
  return [
    raw.toString('hex').slice(0, 24),
    raw.toString('hex').toUpperCase().slice(0, 24),
    raw.toString('base64url').slice(0, 20),
    raw.toString('base64').slice(0, 20),
    numbers.join(','),
    numbers.join(', '),
    numbers.map((byte, i) => `"${i}":${byte}`).join(','),
  ];
}

beforeAll(async () => {
  place = new Place('token');
  [attic, cellar, shed] = [place.agent('attic'), place.agent('cellar'), place.agent('shed')];
  for (const agent of [attic, cellar, shed]) await start(agent);
}, 120_000);

afterAll(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
  await place?.leave();
}, 60_000);

it('a token and what is in it are in no log, no message and no command line, whoever uses it and however often', async () => {
  const invited = await attic.call<{ token: string }>('invite', { by: 'anna', admin: true, for: '10m' });
  const decoded = decodeToken(invited.token);
  if (!decoded.ok) throw new Error(decoded.why);
  const first = await joins(cellar, invited.token);
  expect(first.code).toBe(0);
  await inStep(attic, cellar);
  // A token that was used, and two that came over damaged.
  const again = await joins(shed, invited.token);
  const damaged = await joins(shed, invited.token.slice(0, -3));
  const other = await joins(shed, `${invited.token.slice(0, 60)}!${invited.token.slice(61)}`);
  for (const { code } of [again, damaged, other]) expect(code).not.toBe(0);

  const { seed, psk } = decoded.value;
  const body = invited.token.slice(invited.token.indexOf('.') + 1);
  const secrets = [
    ...[body.slice(0, 30), body.slice(30, 60), body.slice(-40, -10)],
    ...forms(seed),
    ...forms(Buffer.from(psk, 'hex')),
  ];
  const ran = [first, again, damaged, other].flatMap(({ lines }) => [...lines]);
  expect(ran.some((line) => line.includes('join - '))).toBe(true);
  for (const log of written.slice(0, 3)) expect(log).toContain('"level":20');
  // What is no secret is found where these are looked for.
  expect(written[1]).toContain(decoded.value.admins[0]?.peer);
  for (const text of [...written, ...ran]) {
    const found = secrets.findIndex((secret) => text.includes(secret));
    // Never the text itself: this is a log too.
    expect(found, 'the secret that was found').toBe(-1);
  }
}, 120_000);
