/** `npm run lab -- <verb>`: the verbs of a house by hand. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { hideBin } from 'yargs/helpers';
import yargs from 'yargs/yargs';
import { LabError, USAGE } from './error.ts';
import { makeHome } from './home.ts';
import { attach, type House, raise } from './house-api.ts';
import { fail, stopSignal } from './terminal.ts';
import { makeTopology } from './topology.ts';

const common = {
  name: { type: 'string', default: 'default', describe: 'which house, when there are several' },
  json: { type: 'boolean', default: false, describe: 'one JSON value on stdout' },
} as const;

const args = hideBin(process.argv);

try {
  await yargs(args)
    .scriptName('npm run lab --')
    .usage('A house in network namespaces: routers, devices and a small internet.\n\n$0 <verb>')
    .parserConfiguration({ 'populate--': true })
    .options(common)
    .command(
      'up',
      'raise a house; it stands until Ctrl-C, or with --detach until "down"',
      (y) =>
        y.options({
          routers: { type: 'number', default: 3, describe: 'how many routers, 1 to 99' },
          detach: { type: 'boolean', default: false, describe: 'go back to the shell and leave it standing' },
          agents: {
            type: 'boolean',
            default: true,
            describe: 'an agent on every router, all in one home; --no-agents for none',
          },
        }),
      (o) => up(o),
    )
    .command(
      'exec <host>',
      'run a command on a host: exec tv -- curl http://video.example/',
      (y) => y.positional('host', { type: 'string', demandOption: true }),
      async ({ name, host, ...rest }) => {
        const command = rest['--'];
        if (!Array.isArray(command) || command.length === 0)
          throw usage('which command? exec <host> -- <command…>');
        process.exitCode = await (await attach(name)).execHere(host, command.map(String), process.cwd());
      },
    )
    .command(
      'cut <a> <b>',
      'silently drop everything between two routers, or a router and net',
      (y) =>
        y
          .positional('a', { type: 'string', demandOption: true })
          .positional('b', { type: 'string', demandOption: true }),
      ({ a, b, ...o }) => act(o, (house) => house.cut(a, b), `${a} and ${b} are cut from each other`),
    )
    .command(
      'heal',
      'undo every cut',
      (y) => y,
      (o) => act(o, (house) => house.heal(), 'nothing is cut'),
    )
    .command(
      'loss <percent>',
      'drop so many of a hundred frames between routers; 0 ends it',
      (y) => y.positional('percent', { type: 'number', demandOption: true }),
      ({ percent, ...o }) =>
        act(o, (house) => house.loss(percent), `${percent} % of frames between routers are lost`),
    )
    .command(
      'move <device> <router>',
      'plug a device into another router',
      (y) =>
        y
          .positional('device', { type: 'string', demandOption: true })
          .positional('router', { type: 'string', demandOption: true })
          .options({
            ipv4: { type: 'string', describe: 'the address to ask for; who has it there gives it back' },
            ipv6: { type: 'string', describe: 'the address to have' },
          }),
      ({ device, router, ipv4, ipv6, ...o }) =>
        act(
          o,
          async (house) => {
            await house.move(device, router, { ...(ipv4 ? { ipv4 } : {}), ...(ipv6 ? { ipv6 } : {}) });
            return await house.addresses(device);
          },
          `${device} is at ${router}`,
        ),
    )
    .command(
      'zone <domain> <addresses..>',
      'give a DNS name other addresses',
      (y) =>
        y
          .positional('domain', { type: 'string', demandOption: true })
          .positional('addresses', { type: 'string', array: true, demandOption: true }),
      ({ domain, addresses, ...o }) =>
        act(o, (house) => house.setZone(domain, addresses), `${domain} is ${addresses}`),
    )
    .command(
      'kill <router>',
      'end the agent of a router, in order or with -9',
      (y) =>
        y
          .positional('router', { type: 'string', demandOption: true })
          .option('9', { type: 'boolean', default: false, describe: 'SIGKILL instead of SIGTERM' }),
      ({ router, 9: hard, ...o }) =>
        act(
          o,
          (house) => house.kill(router, hard ? 'SIGKILL' : 'SIGTERM'),
          `the agent of ${router} has ended`,
        ),
    )
    .command(
      'start <router>',
      'start the agent of a router',
      (y) => y.positional('router', { type: 'string', demandOption: true }),
      ({ router, ...o }) =>
        act(
          o,
          async (house) => ({ ready_ms: Math.round(await house.start(router)) }),
          `the agent of ${router} runs`,
        ),
    )
    .command(
      'status',
      'what stands',
      (y) => y,
      async ({ name, json }) => {
        const status = await describe(await attach(name));
        console.log(json ? JSON.stringify(status) : tell(status));
      },
    )
    .command(
      'down',
      'end everything in the house',
      (y) => y,
      (o) => act(o, (house) => house.down(), 'the house is down'),
    )
    .demandCommand(1, 'which verb?')
    .strict()
    .fail((message, error) => {
      throw error ?? usage(message);
    })
    .parseAsync();
} catch (error) {
  // What stands after -- is not for us.
  fail('lab', error, args.slice(0, args.indexOf('--') >>> 0).includes('--json'));
}

async function up(o: { name: string; json: boolean; routers: number; detach: boolean; agents: boolean }) {
  const stop = stopSignal();
  const ended = once(stop, 'abort');
  const topology = makeTopology(o.routers, { agents: o.agents });
  const begun = performance.now();
  const house = await raise(topology, { name: o.name, detach: o.detach, signal: stop });
  try {
    if (o.agents) await makeHome(house, stop);
    const ready_ms = Math.round(performance.now() - begun);
    const status = { ...(await describe(house)), ready_ms };
    console.log(o.json ? JSON.stringify(status) : `${tell(status)}\nready in ${ready_ms} ms`);
  } catch (error) {
    await house.down();
    throw error;
  }
  if (o.detach) return;
  if (!o.json) console.log('It stands until Ctrl-C.');
  // Somebody else may take it down.
  while (!stop.aborted && house.stands) await Promise.race([ended, sleep(500)]);
  await house.down();
}

/** Does one thing with a running house and tells it. */
async function act(
  o: { name: string; json: boolean },
  what: (house: House) => Promise<unknown>,
  told: string,
) {
  const result = await what(await attach(o.name));
  console.log(
    o.json ? JSON.stringify(result ?? { ok: true }) : result ? `${told}: ${JSON.stringify(result)}` : told,
  );
}

async function describe(house: House) {
  const { routers, devices } = house.topology;
  return {
    name: house.name,
    pid: house.sandbox.pid,
    routers: routers.map(({ name }) => ({
      name,
      agent: house.agent(name) ?? null,
      socket: house.controlSocket(name),
    })),
    devices: await Promise.all(
      devices.map(async ({ name, router, mac }) => ({ name, router, mac, ...(await house.addresses(name)) })),
    ),
  };
}

function tell({ name, routers, devices }: Awaited<ReturnType<typeof describe>>): string {
  const behind = (router: string) =>
    devices
      .filter((device) => device.router === router)
      .map(
        (device) =>
          `    ${device.name.padEnd(10)} ${device.mac}  ${(device.ipv4 ?? '—').padEnd(15)} ${device.ipv6 ?? '—'}`,
      );
  return [
    `house "${name}"`,
    ...routers.flatMap((router) => [
      `  ${router.name} (${router.agent ? `agent ${router.agent}` : 'no agent'})`,
      ...behind(router.name),
    ]),
  ].join('\n');
}

function usage(message: string) {
  return new LabError(message, { code: USAGE, hint: 'npm run lab -- --help' });
}
