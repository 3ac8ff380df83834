import type { BlockSet } from '../../policy/block-set.ts';
import type { LastDrift } from './drift-record.ts';
import type { Halted } from './halts.ts';

/** Derived from what happened, never set. */
export interface EnforcerHealth {
  /** The newest run was acknowledged by the kernel, and the backend is one that enforces. */
  readonly enforcing: boolean;
  /**
   * While it is not: whether rules of ours are in force all the same, from an earlier run of the agent or from before what
   * failed. Undefined as long as nobody knows.
   */
  readonly standing?: boolean | undefined;
  readonly backend: string;
  /** Runs that failed since the start. */
  readonly failures: number;
  /** Why the newest run or check failed; undefined when it did not. */
  readonly lastError: string | undefined;
  /** How often something else had changed our part of the kernel and it was put right. */
  readonly driftRepairs: number;
  /** The newest such change; undefined as long as there was none. */
  readonly lastDrift?: LastDrift | undefined;
  /** How soon such a change is noticed, in words. */
  readonly noticing?: string | undefined;
  /** A person has halted enforcement on this router. */
  readonly halted?: Halted | undefined;
  /** Why what is blocked now might not be blocked between a power cut and the agent's start. */
  readonly planProblem?: string | undefined;
}

/** A run that the kernel has not acknowledged yet. */
export interface UnderWay {
  readonly seconds: number;
  /** What was acknowledged before it, and so is in force meanwhile. */
  readonly before: BlockSet;
}
