import { existsSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import { systemClock } from '../../clock.ts';
import type { Finding } from '../../control/doctor/finding.ts';
import { silentLog } from '../../log.ts';
import type { Common } from '../ask.ts';
import { harmless, paint, printJson, printLine } from '../output.ts';

/** EX_UNAVAILABLE of sysexits(3): something that is needed is missing. */
const EX_UNAVAILABLE = 69;
const DEADLINE_MS = 30_000;
const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

export const doctor: CommandModule<object, Common> = {
  command: 'doctor',
  describe: 'what is missing on this machine, and the command that mends it; with an agent or without',
  handler: async ({ config, json }) => {
    const findings = await findingsOf(config, AbortSignal.timeout(DEADLINE_MS));
    const ok = findings.every(({ level }) => level !== 'fail');
    if (!ok) process.exitCode = EX_UNAVAILABLE;
    if (json) printJson({ ok, findings });
    else for (const line of linesOf(findings)) printLine(line);
  },
};

async function findingsOf(file: string | undefined, signal: AbortSignal): Promise<Finding[]> {
  const [
    { examine, examineDriver },
    { examineRouter },
    { lookAt },
    { openExec },
    { createExec },
    { loadConfig },
  ] = await Promise.all([
    import('../../control/doctor/checks.ts'),
    import('../../control/doctor/elsewhere.ts'),
    import('../../control/doctor/look.ts'),
    import('../../local/exec-open.ts'),
    import('../../local/exec.ts'),
    import('../../config-file.ts'),
  ]);
  const config = loadConfig(file);
  const clock = systemClock;
  const machine = await lookAt({ config, exec: createExec(), clock }, signal);
  const own = { owner: `doctor${process.pid}`, socket: `ssh-${process.pid}` };
  const { exec, close } = await openExec({ config, clock, log: silentLog, ...own }, signal);
  try {
    if (exec.elsewhere === undefined) return examine(machine);
    return [...(await examineRouter(exec, exec.elsewhere, config, signal)), ...examineDriver(machine)];
  } finally {
    await close();
  }
}

function linesOf(findings: readonly Finding[]): string[] {
  const system = existsSync('/etc/openwrt_release') ? 'openwrt' : 'debian';
  const width = Math.max(...findings.map(({ name }) => name.length));
  return findings.flatMap(({ name, level, message, mend }) => [
    `${paint(COLOURS[level], level.padEnd(4))}  ${name.padEnd(width)}  ${harmless(message)}`,
    ...(mend === undefined ? [] : [`${' '.repeat(width + 8)}${paint('bold', mend[system])}`]),
  ]);
}
