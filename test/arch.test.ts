import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const src = join(import.meta.dirname, '../src');

interface Source {
  /** Path inside src/. */
  readonly path: string;
  readonly text: string;
  /** What it imports: paths inside src/, or the names of packages. Imports of types only are left out of `values`. */
  readonly imports: readonly string[];
  readonly values: readonly string[];
}

const IMPORT = /(?:^|\n)\s*(import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|import\('([^']+)'\)/g;

function sources(): Source[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => {
      const text = readFileSync(join(src, path), 'utf8');
      const found = [...text.matchAll(IMPORT)].map((match) => ({
        target: match[3] ?? match[4] ?? '',
        type: match[2] !== undefined,
      }));
      const inside = ({ target }: { target: string }) =>
        target.startsWith('.') ? relative(src, resolve(join(src, dirname(path)), target)) : target;
      return {
        path,
        text,
        imports: found.map(inside),
        values: found.filter(({ type }) => !type).map(inside),
      };
    });
}

const all = sources();
const FLOOR = [
  'clock.ts',
  'errors.ts',
  'log.ts',
  'service.ts',
  'config.ts',
  'config-file.ts',
  'config-socket.ts',
  'config-schema.ts',
];
const room = (path: string) => (path.includes('/') ? (path.split('/')[0] ?? '') : path);

/** Which rooms a room may open. The floor is open to all but policy, which stands on errors and nothing else. */
const MAY_IMPORT: Readonly<Record<string, { rooms: readonly string[]; because: string }>> = {
  policy: {
    rooms: ['policy'],
    because: 'what replicates must not depend on a machine, a clock or a library of I/O',
  },
  store: {
    rooms: ['policy', 'store'],
    because: 'the store is a subscriber of the policy and knows nobody else',
  },
  p2p: {
    rooms: ['policy', 'store', 'p2p'],
    because: 'peers hand over ops; what a router sees is not their business',
  },
  local: { rooms: ['policy', 'store', 'local'], because: 'the kernel side must work with no peer at all' },
  control: {
    rooms: ['policy', 'store', 'p2p', 'local', 'control'],
    because: 'commands and views stand above the parts',
  },
  mqtt: {
    rooms: ['control', 'mqtt'],
    because: 'a bridge is a door onto commands and views, and knows nothing else of the agent',
  },
  cli: {
    rooms: ['policy', 'control', 'cli', 'local', 'agent.ts'],
    because: 'a verb is a thin door onto a command',
  },
};

/** Dangerous things have one home each. */
const ONE_HOME: readonly { what: RegExp; homes: readonly string[]; because: string }[] = [
  {
    what: /from '(execa|node:child_process)'/,
    homes: ['local/exec.ts'],
    because: 'children are supervised in one place',
  },
  {
    what: /(?<![.\w])(setTimeout|setInterval|Date\.now|performance\.now)\(|new Date\(\)/,
    homes: ['clock.ts'],
    because: 'tests advance one clock',
  },
  {
    what: /import (?!type )[^;]*from '(libp2p|@libp2p\/(tcp|noise|yamux|identify)|@chainsafe\/libp2p-gossipsub)'/,
    homes: ['p2p/overlay.ts'],
    because: 'one place constructs libp2p',
  },
  {
    what: /from '@libp2p\/pnet'/,
    homes: ['p2p/psk/private-network.ts'],
    because: 'it has to be loaded without WebAssembly',
  },
  { what: /from 'classic-level'/, homes: ['store/level.ts'], because: 'one place opens a database' },
  {
    what: /\bprocess\.env\b/,
    homes: ['config.ts', 'config-file.ts', 'config-socket.ts', 'config-schema.ts'],
    because: 'the environment is configuration',
  },
  { what: /from 'pino'/, homes: ['log.ts'], because: 'the rest knows the Log interface' },
  {
    what: /import (?!type )[^;]*from 'yargs'/,
    homes: ['cli/main.ts'],
    because: 'parsing of arguments is for the command line',
  },
  {
    what: /from 'ipaddr\.js'/,
    homes: ['policy/address.ts', 'policy/register-codec.ts'],
    because: 'addresses are canonical everywhere else',
  },
  {
    what: /from 'luxon'/,
    homes: ['policy/schedule.ts'],
    because: 'what a night on which clocks change means is decided once',
  },
  {
    what: /import (?!type )[^;]*from '(aedes|mqtt|ws)'/,
    homes: ['mqtt/embedded/', 'mqtt/client-link.ts', 'control/http/mqtt.ts'],
    because: 'the rest knows a link, whichever broker is behind it',
  },
  {
    what: /import (?!type )[^;]*from '(fastify|@fastify\/[a-z-]+)'/,
    homes: ['control/http/'],
    because: 'the rest knows requests and answers',
  },
  { what: /from 'prom-client'/, homes: ['control/metrics/'], because: 'metrics are made from views' },
  { what: /\bexport default\b/, homes: [], because: 'one name per thing' },
];

describe('the shape of the program', () => {
  it('reads all of src', () => {
    expect(all.length).toBeGreaterThan(50);
  });

  for (const [name, { rooms, because }] of Object.entries(MAY_IMPORT)) {
    it(`${name}/ imports from ${rooms.join(', ')} and the floor only: ${because}`, () => {
      const floor = name === 'policy' ? [] : FLOOR;
      const wrong = all
        .filter(({ path }) => room(path) === name)
        .flatMap(({ path, imports }) =>
          imports
            .filter((target) => target.endsWith('.ts') && ![...rooms, ...floor].includes(room(target)))
            .map((target) => `${path} → ${target}`),
        );
      expect(wrong).toEqual([]);
    });
  }

  it('policy/ imports no node: module and nothing asynchronous: it is the same on every machine', () => {
    for (const { path, text, imports } of all.filter((source) => room(source.path) === 'policy')) {
      expect(
        imports.filter((target) => target.startsWith('node:')),
        path,
      ).toEqual([]);
      expect(
        /\basync\b|\bawait\b|Math\.random|new Promise/.test(text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')),
        path,
      ).toBe(false);
    }
  });

  for (const { what, homes, because } of ONE_HOME) {
    it(`${what} only in ${homes.join(', ') || 'no file'}: ${because}`, () => {
      const wrong = all
        .filter(({ path, text }) => what.test(text) && !homes.some((home) => path.startsWith(home)))
        .map(({ path }) => path);
      expect(wrong).toEqual([]);
    });
  }

  it('has no import cycles: a cycle needs a container to untie it', () => {
    const graph = new Map(
      all.map(({ path, values }) => [path, values.filter((target) => target.endsWith('.ts'))]),
    );
    const done = new Set<string>();
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) throw new Error(`cycle: ${[...trail, path].join(' → ')}`);
      if (done.has(path)) return;
      for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    };
    for (const path of graph.keys()) visit(path, []);
  });

  it('has no barrels: a name is imported from where it lives', () => {
    expect(
      all.filter(({ text }) => /^export (\*|\{[^}]*\}) from/m.test(text)).map(({ path }) => path),
    ).toEqual([]);
  });

  it('has rooms, not halls: no file beyond 320 lines', () => {
    const long = all
      .map(({ path, text }) => ({ path, lines: text.split('\n').length }))
      .filter(({ lines }) => lines > 320);
    expect(long).toEqual([]);
  });
});
