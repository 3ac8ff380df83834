/** The command that mends something, on Debian and on OpenWrt. */
export interface Mend {
  readonly debian: string;
  readonly openwrt: string;
}

/** What was looked at, and how it stands: `warn` works with less, `fail` does not do its work. */
export interface Finding {
  readonly name: string;
  readonly level: 'ok' | 'warn' | 'fail';
  readonly message: string;
  readonly mend?: Mend | undefined;
}

/** The same command everywhere. */
export function everywhere(command: string): Mend {
  return { debian: command, openwrt: command };
}

export function ok(name: string, message: string): Finding {
  return { name, level: 'ok', message };
}

export function warn(name: string, message: string, mend?: Mend): Finding {
  return { name, level: 'warn', message, mend };
}

export function fail(name: string, message: string, mend?: Mend): Finding {
  return { name, level: 'fail', message, mend };
}

/** Installs packages. */
export function packages(debian: string, openwrt: string): Mend {
  return { debian: `apt-get install -y ${debian}`, openwrt: `opkg update && opkg install ${openwrt}` };
}
