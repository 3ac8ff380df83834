import type { Clock } from './clock.ts';
import type { Config } from './config-schema.ts';
import { KernelGate } from './control/kernel-gate.ts';
import { messageOf } from './errors.ts';
import type { Decider } from './local/decider.ts';
import type { Backend } from './local/enforce/backend.ts';
import { DriftWatch } from './local/enforce/drift-watch.ts';
import { DryRunBackend } from './local/enforce/dry-run-backend.ts';
import { Enforcer } from './local/enforce/enforcer.ts';
import { Halts } from './local/enforce/halts.ts';
import { OwnChildren } from './local/enforce/own-children.ts';
import { ownPorts } from './local/enforce/own-ports.ts';
import { PlanFile } from './local/enforce/plan-file.ts';
import { chooseBackend, untilOneWorks } from './local/enforce/probe.ts';
import { areRulesAtWork } from './local/enforce/remains.ts';
import { seesInside } from './local/enforce/same-switch.ts';
import { soleAgent } from './local/enforce/sole-agent.ts';
import type { Exec } from './local/exec.ts';
import type { Interfaces } from './local/observe/interfaces.ts';
import type { Log } from './log.ts';
import type { Applied, AppliedLog } from './p2p/alive/applied.ts';
import type { Replica } from './policy/replica.ts';
import type { Service } from './service.ts';
import { SlotsFile } from './store/slots-file.ts';

/** What puts decisions in force on this router. */
export interface Blocking {
  /** Starts before everything else: nobody else keeps the kernel's rules here. */
  readonly alone: readonly Service[];
  readonly enforcer: Enforcer;
  readonly kernel: KernelGate;
  /** Whether a person has halted enforcement here. */
  readonly halts: Halts;
  /** The backend in use, and why. */
  readonly backend: { readonly name: string; readonly detail: string };
  /** Whether the rules see what devices on one interface of this router send to each other. */
  readonly seesInside: (name: string) => boolean;
  /** Why policies about this router itself cannot be in force; undefined where they can. */
  readonly ownTraffic: () => string | undefined;
  /** The router over there can be reached again: what it holds, or whether it can enforce at all, is looked at now. */
  readonly reached: () => void;
}

export interface BlockingOptions {
  readonly config: Config;
  readonly paths: { readonly slots: string; readonly plan: string; readonly halt: string };
  /** Those of this router as of now; those towards the internet stay what they are at the start. */
  readonly interfaces: () => Pick<Interfaces, 'wan' | 'bridges'>;
  readonly decider: Decider;
  readonly replica: Replica;
  readonly applied: AppliedLog;
  /** Ends this life of the agent, for the next to begin with another backend. */
  readonly beginAnew: (why: string) => void;
  /** The kernel has what these ops want: the others may know. Not called while nothing is enforced. */
  readonly onApplied: (said: Applied) => void;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Log;
}

/** What a router says that has nothing in its kernel. */
const NOTHING: Applied = { digest: '', recent: [] };

/** Chooses a backend by trying; without one that works this router only observes, says so, and goes on trying. */
export async function openBlocking(options: BlockingOptions, signal: AbortSignal): Promise<Blocking> {
  const { config, paths, interfaces, decider, replica, applied, onApplied, exec, clock, log } = options;
  const { wan } = interfaces();
  const slots = new SlotsFile(paths.slots);
  const own = new OwnChildren(exec);
  const ports = config.enforce.ownTraffic ? await ownPorts(config, exec, signal) : undefined;
  const tools = { exec: own, clock, log, slots, wan, own: ports };
  const choice = await chooseBackend(config.enforce.backend, tools, signal);
  const backend: Backend =
    choice.role === 'enforcer'
      ? choice.backend
      : new DryRunBackend({ exec, clock, log, wan, observing: choice.reason });
  if (choice.role === 'observer') {
    untilOneWorks(config.enforce.backend, tools, signal).then(
      (name) => options.beginAnew(`${name} works now`),
      (error: unknown) => log.debug({ error: messageOf(error) }, 'no backend is tried any more'),
    );
  }
  const told = backend.told?.();
  const watch =
    told &&
    new DriftWatch({
      exec,
      clock,
      log,
      told,
      isOurs: (pid) => own.has(pid),
      comparesEvery: () => backend.comparesEvery?.() ?? 1,
    });
  const halts = new Halts({ path: paths.halt, clock, log });
  const kernel = new KernelGate(clock, () => applied.version);
  const enforcer: Enforcer = new Enforcer({
    backend,
    desired: () => ({
      state: `${applied.version} ${replica.digest}`,
      blockSet: decider.blockSet(),
      atBoot: decider.withoutTrials(),
    }),
    onApplied: (state, at) => {
      const [version = '0', digest = ''] = state.split(' ');
      const said = applied.applied(Number(version), digest);
      kernel.applied(Number(version), at);
      const { enforcing, halted } = enforcer.health();
      if (enforcing) onApplied(said);
      else if (halted !== undefined) onApplied(NOTHING);
    },
    clock,
    log,
    planFile: new PlanFile({ path: paths.plan, clock, log }),
    halted: () => halts.now(),
    areRulesAtWork: (inner) => areRulesAtWork(own, inner),
    ...(watch ? { watch } : {}),
  });
  halts.open(() => enforcer.notify());
  signal.addEventListener('abort', () => halts.stop(), { once: true });
  const sees = (name: string): boolean =>
    seesInside(name, interfaces().bridges ?? new Set(), backend.describe().sameSwitch);
  const reached = (): void => {
    if (choice.role === 'observer') options.beginAnew('the router was reached');
    else void enforcer.recheck();
  };
  const ownTraffic = (): string | undefined => {
    const how = backend.describe().own;
    return how?.how === 'none' ? how.why : undefined;
  };
  // Another machine's kernel is not this namespace's, and who only observes is in nobody's way.
  const keepsKernelHere = config.exec.ssh === undefined && config.enforce.backend !== 'dry-run';
  const alone = keepsKernelHere ? [soleAgent({ stateDir: config.agent.stateDir, clock, log })] : [];
  return {
    alone,
    enforcer,
    kernel,
    halts,
    backend: backend.describe(),
    seesInside: sees,
    ownTraffic,
    reached,
  };
}
