import { enforcementWords } from '../control/enforcement.ts';
import { countWords, isUnlinked, linkWords, stateWords } from '../control/views/peer-words.ts';
import type { PeerRow } from '../control/views/peers.ts';
import { bytes, duration, harmless, paint, tableLines } from './output.ts';

/** Another version may answer `hedgerow ask`, and leave out what it does not know. */
type Shown = Partial<PeerRow> & Pick<PeerRow, 'router' | 'state' | 'sinceSeconds' | 'applied'>;

/** A terminal of the usual width shows this much. */
const WIDTH = 100;
/** Names and states are cut for it, but not shorter than this. */
const LEAST = 12;
/** With more routers than this, those of which there is nothing to tell are only named. */
const MANY = 20;
/** A clock that is less wrong than this is not worth a word, seconds. */
const CLOCK_S = 2;

/** The other routers for a person: how many are how, a table within 100 columns, and what is remarkable. */
export function peersLines(peers: readonly Shown[]): string[] {
  if (peers.length === 0) return ['this router is alone in its home'];
  const told = peers.map((peer) => ({ peer, remarks: remarksOn(peer) }));
  const listed = peers.length <= MANY ? told : told.filter(({ peer, remarks }) => !isFine(peer, remarks));
  const rest = told.filter((one) => !listed.includes(one)).map(({ peer }) => peer);
  const named = (words: string, some: readonly Shown[]) =>
    some.length === 0
      ? []
      : [
          '',
          ...wrapped(
            `${some.length} ${words}:`,
            some.map(({ router }) => router),
          ),
        ];
  const rows = listed.map(({ peer }) => [
    peer.router,
    stateWords(how(peer)),
    duration(peer.sinceSeconds),
    changesWords(peer),
    peer.applied ? 'yes' : 'no',
    rttWords(peer),
    waitsWords(peer),
  ]);
  const head = ['ROUTER', 'STATE', 'SINCE', 'CHANGES', 'KERNEL', 'RTT', 'WAITS'];
  return [
    countWords(peers.map(how)),
    ...(listed.length === 0 ? [] : ['', ...tableLines(head, fitted(head, rows), '')]),
    ...named(
      'in step and in force',
      rest.filter((peer) => !isUnlinked(how(peer))),
    ),
    ...named(
      'not linked with this router, by choice',
      rest.filter((peer) => isUnlinked(how(peer))),
    ),
    ...told.flatMap(({ peer, remarks }) =>
      remarks.map((remark) => `${paint('yellow', '!')} ${harmless(peer.router)} ${harmless(remark)}`),
    ),
  ];
}

/** Everything, however wide. */
export function widePeersLines(peers: readonly Shown[]): string[] {
  const head = [
    'ROUTER',
    'KEY',
    'STATE',
    'SINCE',
    'HEARD',
    'CHANGES',
    'KERNEL',
    'RTT',
    'WAITS',
    'LINK',
    'WHY',
  ];
  const rest = ['CLOSED', 'CLOCK', 'IN', 'OUT', 'ADMIN', 'ADDRESS', 'LAST ERROR'];
  const rows = peers.map((peer) => [
    peer.router,
    peer.peer?.slice(0, 8) ?? '–',
    stateWords(how(peer)) + (peer.absent === true ? ', absent' : ''),
    duration(peer.sinceSeconds),
    peer.heardSecondsAgo === undefined ? '–' : `${duration(peer.heardSecondsAgo)} ago`,
    changesWords(peer),
    peer.applied ? (peer.appliedVia === undefined ? 'yes' : `yes, via ${peer.appliedVia}`) : 'no',
    rttWords(peer),
    waitsWords(peer),
    peer.link === undefined ? '–' : `${peer.link.state} for ${duration(peer.link.sinceSeconds)}`,
    peer.link === undefined ? '–' : linkWords(peer.link.reason),
    peer.link?.closed ?? '–',
    clockWords(peer),
    bytes(peer.bytesIn),
    bytes(peer.bytesOut),
    peer.admin === undefined ? '–' : peer.admin ? 'yes' : 'no',
    peer.address ?? '–',
    peer.lastError ?? '–',
  ]);
  if (peers.length === 0) return peersLines(peers);
  return [countWords(peers.map(how)), '', ...tableLines([...head, ...rest], rows, '')];
}

function how({ state, heardBy, link }: Shown) {
  return { state, heardBy, link };
}

/** Whether there is nothing to tell of it. */
function isFine(peer: Shown, remarks: readonly string[]): boolean {
  if (isUnlinked(how(peer)) && peer.inStep !== false) return remarks.length === 0;
  return peer.state === 'alive' && peer.inStep === true && peer.applied && remarks.length === 0;
}

/** `in step`, `12 behind`, `3 ahead`; `differ` when both hold as many. */
function changesWords({ inStep, changesBehind }: Shown): string {
  if (inStep === true) return 'in step';
  if (changesBehind === undefined) return inStep === undefined ? '?' : 'differ';
  if (changesBehind === 0) return 'differ';
  return changesBehind > 0 ? `${changesBehind} behind` : `${-changesBehind} ahead`;
}

function rttWords({ rttMs }: Shown): string {
  return rttMs === undefined ? '–' : `${rttMs.toFixed(rttMs < 100 ? 1 : 0)} ms`;
}

/** How long we wait for it, and it for us; a star where it is longer than we wished. */
function waitsWords({ toleranceSeconds, theirToleranceSeconds, stretched }: Shown): string {
  const ours = toleranceSeconds === undefined ? '–' : `${duration(toleranceSeconds)}${stretched ? '*' : ''}`;
  return `${ours} / ${theirToleranceSeconds === undefined ? '–' : duration(theirToleranceSeconds)}`;
}

function clockWords({ clock }: Shown): string {
  if (clock?.trusted === undefined) return '–';
  const off = offWords(clock.aheadSeconds);
  return [clock.trusted ? 'trusted' : 'not trusted', ...(off === undefined ? [] : [off])].join(', ');
}

/** Undefined while it is not worth a word. */
function offWords(aheadSeconds: number | undefined): string | undefined {
  if (aheadSeconds === undefined || Math.abs(aheadSeconds) <= CLOCK_S) return undefined;
  return `${duration(Math.round(Math.abs(aheadSeconds)))} ${aheadSeconds > 0 ? 'ahead' : 'behind'}`;
}

/** What somebody should know besides, as what follows the router's name. */
function remarksOn(peer: Shown): string[] {
  const {
    state,
    absent,
    lastError,
    link,
    stretched,
    toleranceSeconds = 0,
    clock,
    flooding,
    enforcement,
  } = peer;
  const remarks: string[] = [];
  const halted = enforcementWords(enforcement);
  if (halted !== undefined) remarks.push(halted);
  if (absent === true)
    remarks.push(`has been away for long: if it does not come back, hedgerow evict ${peer.router}`);
  if (state !== 'alive' && lastError !== undefined) remarks.push(`could not be reached: ${lastError}`);
  if (state === 'alive' && link?.state === 'down')
    remarks.push(`is not linked: ${link.closed ?? linkWords(link.reason)}`);
  if (stretched === true)
    remarks.push(`cannot speak as often as asked (*): it is waited for ${duration(toleranceSeconds)}`);
  const off = offWords(clock?.aheadSeconds);
  if (off !== undefined) remarks.push(`has a clock that is ${off}`);
  if (clock?.trusted === false) remarks.push('does not trust its clock');
  if (flooding !== undefined) remarks.push('sends more changes than its share, and is slowed');
  return remarks;
}

/** Rows that are too wide have their name cut, and then the state. */
function fitted(head: readonly string[], rows: readonly string[][]): string[][] {
  const widest = (column: number) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0));
  const whole = head.reduce((sum, _, column) => sum + widest(column), 2 * (head.length - 1));
  let over = Math.max(0, whole - WIDTH);
  const room = [0, 1].map((column) => {
    const width = Math.max(Math.min(LEAST, widest(column)), widest(column) - over);
    over -= widest(column) - width;
    return width;
  });
  const [router = LEAST, state = LEAST] = room;
  return rows.map(([name = '', how = '', ...rest]) => [cut(name, router), cut(how, state), ...rest]);
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** Names behind a few words, on as many lines as they take. */
function wrapped(words: string, names: readonly string[]): string[] {
  const lines: string[] = [];
  let line = words;
  for (const [n, name] of names.entries()) {
    const next = `${harmless(name)}${n < names.length - 1 ? ',' : ''}`;
    if (line.length + 1 + next.length > WIDTH) {
      lines.push(line);
      line = ` ${next}`;
    } else line = `${line} ${next}`;
  }
  return [...lines, line];
}
