/** Ends the program with a message: 64 is what a wrong command line ends with (sysexits.h). */
export function stop(message: string, code: number): never {
  console.error(message);
  process.exit(code);
}

/** A number of the command line; ends the program when it is none, or outside of its limits. */
export function number(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  return stop(`--${name} ${text}: a whole number from ${least} to ${most} is wanted, see --help`, 64);
}

/** Several, between commas. */
export function numbers(name: string, text: string, least: number, most: number): number[] {
  return text.split(',').map((part) => number(name, part, least, most));
}
