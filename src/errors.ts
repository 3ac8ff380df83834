/**
 * Errors for operators and for bugs. Foreign input never becomes one of these: parsers answer with a verdict.
 * `name` is the identity, `hint` tells what to do, `exitCode` follows sysexits(3).
 */
export class HedgerowError extends Error {
  readonly hint: string | undefined;
  readonly exitCode: number;

  constructor(
    name: string,
    message: string,
    options: { hint?: string | undefined; cause?: unknown; exitCode: number },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = name;
    this.hint = options.hint;
    this.exitCode = options.exitCode;
  }
}

type Options = { hint?: string; cause?: unknown };

/** A person asked for something that cannot be understood or is ambiguous (EX_USAGE). */
export class UsageError extends HedgerowError {
  constructor(message: string, options: Options = {}) {
    super('UsageError', message, { ...options, exitCode: 64 });
  }
}

/** A file on disk is damaged or comes from a newer version (EX_DATAERR). */
export class DataError extends HedgerowError {
  constructor(message: string, options: Options = {}) {
    super('DataError', message, { ...options, exitCode: 65 });
  }
}

/** Something that is needed is not there: the agent, a tool, a permission (EX_UNAVAILABLE). */
export class UnavailableError extends HedgerowError {
  constructor(message: string, options: Options = {}) {
    super('UnavailableError', message, { ...options, exitCode: 69 });
  }
}

/** It did not work this time and may work later (EX_TEMPFAIL). */
export class TemporaryError extends HedgerowError {
  constructor(message: string, options: Options = {}) {
    super('TemporaryError', message, { ...options, exitCode: 75 });
  }
}

/** The configuration is wrong; the message names the key (EX_CONFIG). */
export class ConfigError extends HedgerowError {
  constructor(message: string, options: Options = {}) {
    super('ConfigError', message, { ...options, exitCode: 78 });
  }
}

/** The text of anything thrown, for logs and views. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
