import type { Clock } from '../../clock.ts';
import { UnavailableError } from '../../errors.ts';
import { silentLog } from '../../log.ts';
import { replaceFile } from '../../store/files.ts';
import { SlotsFile } from '../../store/slots-file.ts';
import type { Exec } from '../exec.ts';
import { encodeHalt } from './halt.ts';
import { chooseBackend } from './probe.ts';

/**
 * Takes everything of ours out of the kernel while no agent runs, and notes that it is meant to stay so: rules outlive the
 * agent, and whoever is locked out by them must get rid of them without it. UnavailableError when no backend works.
 */
export async function clearWithoutAgent(
  paths: { readonly halt: string; readonly slots: string },
  by: string,
  { exec, clock }: { readonly exec: Exec; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  replaceFile(paths.halt, encodeHalt({ kind: 'cleared', by, at: clock.now() }));
  const slots = new SlotsFile(paths.slots);
  const choice = await chooseBackend('auto', { exec, clock, log: silentLog, slots, wan: [] }, signal);
  if (choice.role === 'observer')
    throw new UnavailableError(`the kernel's rules cannot be changed: ${choice.reason}`, {
      hint: 'hedgerow doctor says what is missing; removing needs root',
    });
  try {
    await choice.backend.clear(signal);
  } finally {
    await choice.backend.stop();
  }
}
