/** The live view of the demo: what each stream does now, and commands to try in another terminal. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, hedgerow, type Status } from './ask.ts';
import type { House } from './house-api.ts';
import type { Traffic } from './streams.ts';

const EVERY_MS = 1000;

const TRY = [
  'npm run lab -- exec kitchen -- hedgerow unblock tv ads.example',
  'npm run lab -- exec garage -- hedgerow block console ads.example',
  'npm run lab -- move tv kitchen',
  'npm run lab -- kill attic -9      npm run lab -- start attic',
  'npm run lab -- cut attic garage   npm run lab -- heal',
  'npm run lab -- exec attic -- hedgerow flows',
];

/** Puts the TV back where it was, blocks it again, and shows until aborted; once a second on a terminal, else every ten. */
export async function live(
  house: House,
  traffic: Traffic,
  out: NodeJS.WriteStream,
  signal: AbortSignal,
): Promise<void> {
  await house.move('tv', 'attic');
  await traffic.restart('tv');
  await hedgerow(house, 'attic', ['block', 'tv', 'ads.example'], signal);
  // What the demo has told stays above.
  if (out.isTTY) out.write('\n'.repeat(out.rows));
  let where = places(house);
  let before = await traffic.arrived();
  let at = performance.now();
  while (!signal.aborted && house.stands) {
    await sleep(out.isTTY ? EVERY_MS : 10 * EVERY_MS, undefined, { signal });
    const [was, is] = [where, places(house)];
    for (const device of traffic.devices) {
      if (was[device] !== is[device]) await traffic.restart(device);
    }
    where = is;
    const now = await traffic.arrived();
    const seconds = (performance.now() - at) / 1000;
    const rate = (name: string) => ((now[name] ?? 0) - (before[name] ?? 0)) / seconds;
    const lines = [
      ...(await routerLines(house)),
      '',
      ...streamLines(traffic, rate),
      '',
      ...tryLines(house.name),
    ];
    // Home, then every line with the rest of its old self erased, then what is below: no flicker.
    out.write(
      out.isTTY
        ? `\x1b[H${lines.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`
        : `${lines.join('\n')}\n\n`,
    );
    [before, at] = [now, performance.now()];
  }
}

/** Which router each device is plugged into: one that a person moves begins its streams anew, from its new addresses. */
const places = (house: House): Record<string, string> =>
  Object.fromEntries(house.topology.devices.map(({ name, router }) => [name, router]));

async function routerLines(house: House): Promise<string[]> {
  return await Promise.all(
    house.topology.routers.map(async ({ name }) => {
      try {
        const { routers, policies, enforcement, rssMb, digest } = await ask<Status>(house, name, 'status');
        return `${name.padEnd(9)} ${routers.alive} of ${routers.members} alive  ${policies} policies  ${
          enforcement.enforcing ? `enforcing (${enforcement.backend})` : 'NOT ENFORCING'
        }  ${rssMb} MB  digest ${digest.slice(0, 8)}`;
      } catch (error) {
        return `${name.padEnd(9)} ${house.agent(name) ? `does not answer: ${error}` : 'has no agent now; its kernel goes on'}`;
      }
    }),
  );
}

function streamLines(traffic: Traffic, rate: (name: string) => number): string[] {
  return traffic.streams.map(({ name, device, domain, kind, address }) => {
    const packets = rate(name);
    const told = packets === 0 ? 'nothing arrives' : `${packets.toFixed(0)} packets/s`;
    return `${device.padEnd(8)} → ${domain.padEnd(14)} ${kind.padEnd(4)} ${address.padEnd(18)} ${told}`;
  });
}

const tryLines = (name: string) => [
  'In another terminal:',
  ...TRY.map(
    (line) =>
      `  ${name === 'default' ? line : line.replaceAll('npm run lab --', `npm run lab -- --name ${name}`)}`,
  ),
  'Ctrl-C ends it and leaves nothing.',
];
