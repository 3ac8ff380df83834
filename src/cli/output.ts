import { noColour } from '../config.ts';

const CODES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

/** Coloured text on a terminal, plain text elsewhere and with NO_COLOR. */
export function paint(colour: keyof typeof CODES, text: string): string {
  return process.stdout.isTTY && !noColour() ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text;
}

/** Prints a value as one line of JSON. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Columns as wide as their widest cell, two spaces apart; foreign text is made harmless. Nothing: `empty` instead. */
export function printTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  empty: string,
): void {
  for (const line of tableLines(head, rows, empty)) printLine(line);
}

/** The lines that {@link printTable} prints. */
export function tableLines(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  empty: string,
): string[] {
  if (rows.length === 0) return [empty];
  const cells = [head, ...rows].map((row) => row.map(harmless));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row, index) => {
    const line = row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
    return index === 0 ? paint('dim', line) : line;
  });
}

/** One value of a row of CSV: numbers are exact; undefined is an empty field. */
export type CsvValue = string | number | boolean | undefined;

/** Prints a header and rows as CSV (RFC 4180). */
export function printCsv(head: readonly string[], rows: Iterable<readonly CsvValue[]>): void {
  process.stdout.write(csvLine(head));
  for (const row of rows) process.stdout.write(csvLine(row));
}

/**
 * A line of CSV with its end. Text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, "CSV
 * injection"): devices call themselves what they like.
 */
export function csvLine(row: readonly CsvValue[]): string {
  const fields = row.map((value) => {
    if (typeof value !== 'string') return String(value ?? '');
    const text = harmless(value);
    const guarded = /^\s*[=+\-@]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
  });
  return `${fields.join(',')}\r\n`;
}

/** Text without control characters, so that a device's name cannot drive the terminal. */
export function harmless(text: string): string {
  return text.replaceAll(/\p{C}/gu, '?');
}

/** `3 s`, `5 min`, `2 h`, `4 d`. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** `812 B`, `1.4 kB`, `3.2 MB`; `–` when it is not known. */
export function bytes(count: number | undefined): string {
  if (count === undefined) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
