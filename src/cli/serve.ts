import { readFileSync } from 'node:fs';
import { runAgent } from '../agent.ts';
import { keepProcessAlive, systemClock } from '../clock.ts';
import { loadConfig } from '../config-file.ts';
import { ConfigError } from '../errors.ts';
import { createLog } from '../log.ts';
import { mustOwn } from './owner.ts';
import { report } from './report.ts';

/** Runs the agent in the foreground; SIGTERM and SIGINT stop it, what is blocked stays blocked. */
export async function serve(file: string | undefined, json = false): Promise<void> {
  const config = loadConfig(file);
  mustOwn(config.agent.stateDir);
  const log = createLog(config.log.level);
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      log.info({ signal: name }, 'the agent stops; what is blocked stays blocked');
      stop.abort(new Error(name));
    });
  }
  const alive = keepProcessAlive();
  try {
    await runAgent({
      config,
      clock: systemClock,
      log,
      signal: stop.signal,
      groupId: groupId(config.control.group),
    });
  } catch (error) {
    // What a start that failed has left open must not hold the process: whoever looks after it starts it again.
    report(error, json);
    process.exit();
  } finally {
    alive.clear();
  }
  // All is stopped and on disk; what libraries leave behind (a heartbeat of gossip, up to 5 s) is not waited for.
  process.exit(0);
}

function groupId(name: string | undefined): number | undefined {
  if (name === undefined) return undefined;
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const id = Number(line?.split(':')[2]);
  if (line === undefined || !Number.isInteger(id)) {
    throw new ConfigError(`control.group: there is no group "${name}" on this machine`, {
      hint: `make it with: groupadd --system ${name}`,
    });
  }
  return id;
}
