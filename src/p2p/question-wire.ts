import { Message, Writer } from '../policy/codec.ts';
import { accept, type Decoded, refuse } from './wire.ts';

/** What a member asks another one's agent: a view, and its parameters. */
export interface Question {
  readonly version: number;
  /** The name of the view. */
  readonly view: string;
  /** JSON. */
  readonly params: string;
}

/** What comes back: the view as JSON, or why there is none. */
export type Answer =
  | { readonly kind: 'view'; readonly json: string }
  | { readonly kind: 'refused'; readonly why: Refusal };

/** An error as errors.ts has them. */
export interface Refusal {
  readonly name: string;
  readonly message: string;
  readonly hint: string | undefined;
  /** As in sysexits(3). */
  readonly exitCode: number;
}

export const MAX_QUESTION_BYTES = 16 * 1024;
/** The largest view that is sent, bytes of JSON. */
export const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_NAME = 64;
const MAX_TEXT = 500;

export function encodeQuestion({ version, view, params }: Question): Uint8Array {
  return new Writer().number(1, version).text(2, view).text(3, params).finish();
}

/** Reads a question. Never throws. */
export function decodeQuestion(bytes: Uint8Array): Decoded<Question> {
  const from = Message.read(bytes);
  const view = from?.text(2, MAX_NAME);
  const params = from?.text(3, MAX_QUESTION_BYTES);
  if (from === undefined || view === undefined || view === '') return refuse('names no view');
  if (params === undefined) return refuse('malformed parameters');
  return accept({ version: from.number(1), view, params });
}

export function encodeAnswer(answer: Answer): Uint8Array {
  if (answer.kind === 'view') return new Writer().text(1, answer.json).finish();
  const { name, message, hint, exitCode } = answer.why;
  const why = new Writer()
    .text(1, name.slice(0, MAX_NAME))
    .text(2, message.slice(0, MAX_TEXT))
    .text(3, hint?.slice(0, MAX_TEXT))
    .number(4, exitCode)
    .finish();
  return new Writer().bytes(2, why).finish();
}

/** Reads an answer; what a refusal says is made fit to be shown. Never throws. */
export function decodeAnswer(bytes: Uint8Array): Decoded<Answer> {
  const from = Message.read(bytes);
  if (from === undefined) return refuse('not in canonical form');
  if (from.has(1)) {
    const json = from.text(1, MAX_ANSWER_BYTES);
    return json === undefined ? refuse('malformed view') : accept({ kind: 'view', json });
  }
  const why = from.message(2);
  const [name, message, hint] = [1, 2, 3].map((tag) => why?.text(tag, MAX_TEXT * 4));
  if (why === undefined || name === undefined || message === undefined || hint === undefined)
    return refuse('neither a view nor a refusal');
  return accept({
    kind: 'refused',
    why: {
      name: /^[A-Za-z]{1,64}$/.test(name) ? name : 'TemporaryError',
      message: shown(message),
      hint: hint === '' ? undefined : shown(hint),
      exitCode: Math.min(255, why.number(4)) || 75,
    },
  });
}

function shown(text: string): string {
  return text.replaceAll(/\p{C}/gu, '?').slice(0, MAX_TEXT);
}
