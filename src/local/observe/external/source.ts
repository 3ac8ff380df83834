import type { Clock } from '../../../clock.ts';
import type { Log } from '../../../log.ts';
import type { Service } from '../../../service.ts';
import { type Exec, Supervised } from '../../exec.ts';
import type { SourceHealth } from '../facts.ts';
import { tryRun } from '../try-run.ts';
import { MessageFramer } from './framer.ts';
import { ExternalIntake, type IntakeOptions } from './intake.ts';
import { ExternalListener } from './listener.ts';

export interface ExternalSourceOptions extends IntakeOptions {
  exec: Exec;
  clock: Clock;
  log: Log;
  /** TCP, on loopback; SPIN's own is 20867. */
  port?: number | undefined;
  /** Path of a unix datagram socket, which its user and group may write to. Its folder has to be there. */
  socket?: string | undefined;
}

/**
 * Packets, names and neighbours that another program sees and tells in the words of SPIN's spin-pcap-reader (design page
 * observe.md), over TCP or a unix datagram socket. Node has no such sockets: socat has, and writes what it receives to
 * its standard output. For boxes whose kernel does not forward the traffic; what it does forward is not counted twice
 * (ExternalIntake).
 */
export class ExternalSource implements Service {
  readonly name = 'external';
  readonly #options: ExternalSourceOptions;
  readonly #intake: ExternalIntake;
  readonly #listener: ExternalListener | undefined;
  readonly #socat: Supervised | undefined;
  readonly #framer: MessageFramer;
  #datagramBytes = 0;
  #lastError: string | undefined;

  constructor(options: ExternalSourceOptions) {
    this.#options = options;
    const { exec, clock, log, port, socket } = options;
    this.#intake = new ExternalIntake(options);
    const onMessage = (message: Uint8Array) => this.#intake.take(message);
    this.#framer = new MessageFramer(onMessage);
    this.#listener = port === undefined ? undefined : new ExternalListener({ clock, port, onMessage });
    this.#socat =
      socket === undefined
        ? undefined
        : new Supervised({
            exec,
            clock,
            log,
            name: 'socat',
            argv: socatArguments(socket),
            onData: (chunk) => {
              this.#datagramBytes += chunk.length;
              this.#framer.push(chunk);
            },
            onErrorLine: (line) => {
              this.#lastError = line;
            },
            onStart: () => this.#framer.reset(),
          });
  }

  /** The TCP port that is open. */
  get port(): number | undefined {
    return this.#listener?.port;
  }

  health(): SourceHealth {
    const { bytes = 0, ...tcp } = this.#listener?.counters ?? {};
    return {
      name: this.name,
      running:
        (this.#listener === undefined || this.#listener.port !== undefined) &&
        (this.#socat === undefined || this.#socat.pid !== undefined),
      restarts: this.#socat?.restarts ?? 0,
      counters: {
        ...this.#intake.counters,
        ...tcp,
        clients: this.#listener?.clients ?? 0,
        bytes: bytes + this.#datagramBytes,
        // Bytes of datagrams that were no messages.
        skipped: this.#framer.skipped,
      },
      lastError: this.#lastError ?? this.#listener?.lastError,
    };
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#listener?.start(signal);
    if (this.#socat === undefined) return;
    const { exec, log, socket } = this.#options;
    const { code } = await tryRun(exec, ['socat', '-V'], { timeoutMs: 5_000, signal });
    if (code === 0) return this.#socat.start(signal);
    this.#lastError = `socat is not installed, so ${socket} is not open: install it and start the agent again, or use a port`;
    log.warn({ hint: 'install socat, or set observe.external.port' }, 'the external socket needs socat');
  }

  async stop(): Promise<void> {
    await Promise.all([this.#listener?.stop(), this.#socat?.stop()]);
    this.#intake.finish();
  }
}

/** A socket left by a socat that was killed is replaced. The umask makes it 0660 from its first moment (socat(1)). */
function socatArguments(path: string): string[] {
  const escaped = path.replaceAll(/[^\w./-]/g, '\\$&');
  return ['socat', '-u', '-b', '4096', `UNIX-RECV:${escaped},unlink-early,umask=0117`, 'STDOUT'];
}
