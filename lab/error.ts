/** What a person at the lab is told: what failed, and in `hint` what to do. `code` is the exit code (sysexits.h). */
export class LabError extends Error {
  override readonly name = 'LabError';
  readonly hint: string | undefined;
  readonly code: number;

  constructor(message: string, options: { hint?: string; code?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.hint = options.hint;
    this.code = options.code ?? 1;
  }
}

/** EX_USAGE: the command line is wrong. */
export const USAGE = 64;
/** EX_UNAVAILABLE: the machine does not allow it or lacks a tool. */
export const UNAVAILABLE = 69;
