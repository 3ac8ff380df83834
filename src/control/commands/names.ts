import { UsageError } from '../../errors.ts';
import { domainNodeId } from '../../policy/identity.ts';
import type { Record, Subject } from '../../policy/records.ts';
import { RESERVED_WORDS } from '../group-book.ts';
import type { Parts } from '../parts.ts';
import { type ChangeRequest, writeSteps } from './change.ts';
import { keyOf, only } from './pair.ts';
import { type Written, written } from './written.ts';

/** The answer to a change of a name. */
export interface NameView extends Written {
  readonly changed: boolean;
  readonly subject: Subject;
  /** What it is called now; with `dryRun` what it was called. */
  readonly label: string;
  /** The names that were taken away. */
  readonly retired: readonly string[];
}

const MAX_NAME = 60;
const MAX_NAME_BYTES = 200;
/** Routers are named on the command line and in topics. */
const ROUTER_NAME = /^[a-z0-9-]{1,32}$/;

/** Gives a node, a router or the home a name, or takes its names away. The names that are seen now give way to it. */
export async function name(
  parts: Parts,
  request: ChangeRequest & { what: string; text?: string | undefined },
): Promise<NameView> {
  const subject = nameable(parts, request.what);
  const text = request.text === undefined ? undefined : checked(subject, request.text);
  const older = parts.directory.namesOf(subject);
  const changed = text === undefined ? older.length > 0 : older.length !== 1 || older[0]?.text !== text;
  const add: Record[] = text === undefined ? [] : [{ kind: 'name', of: subject, text }];
  const step = { over: older.map(({ id }) => id), add };
  const notes = text === undefined ? [] : namesakes(parts, subject, text);
  const { dryRun } = request;
  const { answers } = changed && !dryRun ? await writeSteps(parts, request, [step]) : { answers: [] };
  return {
    ...written(parts, { dryRun, answers, notes }),
    changed,
    subject,
    label: parts.directory.label(subject),
    retired: changed ? older.map((given) => given.text) : [],
  };
}

function nameable(parts: Parts, what: string): Subject {
  const { subject, label } = only(parts.directory, what);
  switch (subject.kind) {
    case 'device':
    case 'remote':
    case 'router':
    case 'home':
      return subject;
    case 'domain':
      return { kind: 'remote', id: domainNodeId(parts.crypto, parts.replica.home, subject.domain) };
    default:
      throw new UsageError(`${label} cannot be given a name`, {
        hint: 'devices, other nodes, routers and the home can',
      });
  }
}

function checked(subject: Subject, given: string): string {
  const text = given.trim().replaceAll(/\s+/g, ' ');
  const long = text.length > MAX_NAME || Buffer.byteLength(text) > MAX_NAME_BYTES;
  if (text === '' || long || /\p{C}/u.test(text)) {
    throw new UsageError(`a name has 1 to ${MAX_NAME} characters that can be printed`);
  }
  if (subject.kind !== 'home' && RESERVED_WORDS.includes(text.toLowerCase())) {
    throw new UsageError(`"${text}" means something else to Hedgerow`, { hint: 'use another name' });
  }
  if (subject.kind === 'router' && !ROUTER_NAME.test(text)) {
    throw new UsageError('the name of a router has 1 to 32 of a–z, 0–9 and "-"');
  }
  return text;
}

function namesakes({ directory }: Parts, subject: Subject, text: string): string[] {
  const others = directory.find(text).filter((match) => keyOf(match.subject) !== keyOf(subject));
  const named = others.filter(({ subject: other }) => !isSameClass(directory, other, subject));
  if (named.length === 0) return [];
  const kinds = [...new Set(named.map((match) => match.subject.kind))].join(', ');
  return [`"${text}" stands for something else as well (${kinds}): commands will ask which is meant`];
}

function isSameClass(directory: Parts['directory'], x: Subject, y: Subject): boolean {
  return 'id' in x && 'id' in y && directory.classOf(x.id).includes(y.id);
}
