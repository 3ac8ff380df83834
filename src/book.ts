import { AppliedLog } from './p2p/alive/applied.ts';
import { randomHex } from './p2p/keys.ts';
import type { Crypto, PeerKey } from './policy/crypto.ts';
import type { RunId } from './policy/records.ts';
import { Registers } from './policy/registers.ts';
import { Replica } from './policy/replica.ts';
import { type Database, openDatabase } from './store/database.ts';
import type { HomeFile } from './store/home-file.ts';
import { finishRepair } from './store/repair.ts';
import { restore } from './store/restore.ts';
import { Store } from './store/store.ts';

/** What this router knows of the home's wishes, and where it keeps that. The store and all news hang on admission. */
export interface Book {
  readonly database: Database;
  readonly store: Store;
  readonly replica: Replica;
  readonly registers: Registers;
  readonly applied: AppliedLog;
  readonly run: RunId;
  /** A repair has dropped what the others hold: this router knows less than it did. */
  readonly dropped: boolean;
}

export interface BookOptions {
  /** The store's folder. */
  readonly folder: string;
  readonly home: HomeFile;
  readonly crypto: Crypto;
  readonly self: PeerKey;
  /** An op was admitted; `own`: written by this run of this router. Called while the store is read, too. */
  readonly onOp: (own: boolean) => void;
  /** An op was admitted after which somebody may be no member any more. */
  readonly onMembers: () => void;
  /** A register of another router, or of an older self, was admitted; `card`: it says something of a router itself. */
  readonly onRegister: (card: boolean) => void;
}

/** Opens the store and takes up what it holds. DataError when it is damaged; the folder is as before then. */
export async function openBook(options: BookOptions): Promise<Book> {
  const { home, crypto, self, onOp, onMembers, onRegister } = options;
  const database = await openDatabase(options.folder);
  const dropped = await finishRepair(database);
  const store = new Store(database);
  const applied = new AppliedLog();
  const run = randomHex(16);
  const replica = new Replica({
    genesis: home.genesis,
    crypto,
    archive: store,
    onAdmitted: (op, n) => {
      store.putOp(n, op);
      applied.admitted(op.id);
      onOp(op.run === run);
      if (op.add.some(({ kind }) => kind === 'evict' || kind === 'leave')) onMembers();
    },
  });
  const registers = new Registers({
    home: replica.home,
    crypto,
    isMember: (peer) => replica.isMember(peer),
    onAdmitted: (register, authored) => {
      store.putRegister(register);
      // What we say of our nodes follows from what is known here already: to decide anew would change nothing.
      if (!authored) onRegister(register.card !== undefined);
    },
  });
  try {
    restore(await store.load(replica.home), replica, registers, self);
  } catch (error) {
    await store.close();
    throw error;
  }
  return { database, store, replica, registers, applied, run, dropped };
}
