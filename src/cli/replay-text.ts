import type { Clock } from '../clock.ts';
import type { PartnerView, ReplayedDevice, ReplayView } from '../control/views/replay.ts';
import type { TrialView } from '../control/views/trial.ts';
import type { Progress } from '../local/replay/replay.ts';
import { bytes, duration, harmless, paint, printLine, printTable } from './output.ts';

const PROGRESS_EVERY_MS = 200;
/** In less time than so many packets take, the program itself begins. */
const WORTH_A_RATE = 10_000;
/** Names in a list of names. */
const MAX_NAMES = 12;

/** A line of progress that is written over and over, on a terminal only. */
export function progressOn(stream: NodeJS.WriteStream, clock: Clock) {
  let shownAt = 0;
  let shown = false;
  return {
    show: ({ done, frames, tookMs }: Progress): void => {
      if (!stream.isTTY || clock.monotonic() - shownAt < PROGRESS_EVERY_MS) return;
      shownAt = clock.monotonic();
      shown = true;
      const rate = Math.round((frames / Math.max(tookMs, 1)) * 1_000);
      stream.write(`\r${Math.floor(done * 100)} %  ${grouped(frames)} packets, ${grouped(rate)}/s\x1b[K`);
    },
    /** Takes the line away. */
    end: (): void => {
      if (shown) stream.write('\r\x1b[K');
      shown = false;
    },
  };
}

/** The summary, for a person. `top`: so many partners of each device. */
export function printReplay(view: ReplayView, top: number): void {
  const { first, frames } = view;
  const when = first === undefined ? '' : `, ${span(view.durationS)} from ${local(first)}`;
  printLine(
    `${paint('bold', harmless(view.file))}: ${grouped(frames)} packets, ${bytes(view.frameBytes)}${when}`,
  );
  if (view.damage !== undefined)
    printLine(paint('yellow', `damaged: ${view.damage}; this is what could be read before it`));
  if (view.interrupted)
    printLine(paint('yellow', `interrupted after ${bytes(view.bytesRead)} of ${bytes(view.bytes)}`));
  if (view.severalInterfaces)
    printLine(
      paint(
        'yellow',
        'captured on all interfaces of a router: what passed several of them is counted for each; a capture of its LAN interface alone is exact',
      ),
    );
  printLan(view);
  for (const device of view.devices) printDevice(device, top);
  if (view.devices.length === 0) printLine('\nno device was seen');
  if (view.trial !== undefined) printTrial(view.trial);
  printRest(view);
}

function printLan({ lan, devices }: ReplayView): void {
  const routers = lan.routers.map(({ mac, vendor }) => (vendor === undefined ? mac : `${mac} (${vendor})`));
  const parts = [
    `LAN ${lan.prefixes.join(', ') || 'not found'}`,
    routers.length === 0
      ? 'no router in sight'
      : `router ${[...some(lan.routerAddresses, 4), ...some(routers, 4)].join(', ')}`,
    devices.length === 1 ? '1 device' : `${devices.length} devices`,
  ];
  printLine(harmless(parts.join(' · ')));
}

function printDevice(device: ReplayedDevice, top: number): void {
  const { label, mac, vendor, randomisedMac, addresses, names, partners } = device;
  const also = names.filter((name) => name.toLowerCase() !== label.toLowerCase());
  const about = [
    ...(label === mac ? [] : [mac]),
    randomisedMac ? 'randomised MAC' : (vendor ?? ''),
    [...addresses, ...device.linkLocal].join(' ') || 'no address',
    also.length > 0 ? `also ${also.join(', ')}` : '',
  ].filter((part) => part !== '');
  printLine(`\n${paint('bold', harmless(label))}  ${harmless(about.join(' · '))}`);
  const seconds = Math.round((Date.parse(device.lastSeen) - Date.parse(device.firstSeen)) / 1_000);
  printLine(
    `  seen from ${local(device.firstSeen)} for ${span(seconds)}; up ${bytes(device.up.bytes)}, down ${bytes(device.down.bytes)}`,
  );
  if (partners.length > 0) {
    printTable(
      ['  WITH', 'SERVICE', 'UP', 'DOWN', 'PACKETS', 'ADDRESSES'],
      partners.slice(0, top).map(partnerRow),
      '',
    );
    if (partners.length > top) printLine(`  and ${partners.length - top} more`);
  }
  if (device.neverContacted.length > 0)
    printLine(`  asked for, never contacted: ${harmless(some(device.neverContacted, MAX_NAMES).join(', '))}`);
}

function partnerRow(partner: PartnerView): string[] {
  const services = partner.addresses.flatMap(({ services: all }) =>
    all.map(({ protocol, port }) => (port === 0 ? protocol : `${protocol}/${port}`)),
  );
  const addresses = partner.addresses.map(({ address }) => address).filter((one) => one !== partner.label);
  return [
    `  ${partner.label}`,
    some([...new Set(services)], 3).join(' '),
    bytes(partner.up.bytes),
    bytes(partner.down.bytes),
    String(partner.up.packets + partner.down.packets),
    some(addresses, 2).join(' '),
  ];
}

function printTrial({ policies, blocked, beside }: TrialView): void {
  printLine(`\n${paint('bold', 'These policies would have blocked')}`);
  const rows = policies.flatMap(({ words, untold, blocked: all, devices }) =>
    devices.length === 0
      ? [[`  ${words}`, '', untold === undefined ? 'nothing' : 'not told', '']]
      : [
          [`  ${words}`, '', String(all.packets), bytes(all.bytes)],
          ...devices.map((device) => ['', device.label, String(device.packets), bytes(device.bytes)]),
        ],
  );
  printTable(['  POLICY', 'DEVICE', 'PACKETS', 'BYTES'], rows, '  nothing: there is no block among them');
  for (const why of new Set(policies.flatMap(({ untold }) => untold ?? []))) printLine(`  not told: ${why}`);
  if (blocked.packets > 0)
    printLine(
      `  ${grouped(blocked.packets)} packets all in all, ${bytes(blocked.bytes)}; as captured: blocked devices try again`,
    );
  if (beside.packets > 0)
    printLine(`  ${grouped(beside.packets)} more went from device to device without a router between them`);
}

const REASONS: Readonly<Record<keyof ReplayView['left'], string>> = {
  router: 'with the router itself, or of no device',
  local: 'to everybody on the segment, or link-local',
  unknown: 'with an address of the LAN whose device never showed',
  notIp: 'without IP (ARP and the like)',
  damaged: 'cut short or malformed',
  link: 'of a kind of link that is not read',
  noMac: 'without MACs, so of no device (capture on the LAN interface: tcpdump -i br-lan)',
  full: 'for which there was no room',
};

function printRest(view: ReplayView): void {
  const left = Object.entries(REASONS).flatMap(([reason, words]) => {
    const count = view.left[reason as keyof typeof REASONS];
    return count > 0 ? [`${grouped(count)} ${words}`] : [];
  });
  printLine('');
  printLine(
    `${grouped(view.counted)} packets are in the flows above${left.length > 0 ? '; not in them:' : ''}`,
  );
  for (const line of left) printLine(`  ${line}`);
  for (const [what, count] of Object.entries(view.dropped))
    printLine(paint('yellow', `  too many ${what}: ${grouped(count)} were not kept apart`));
  const rate = view.frames >= WORTH_A_RATE ? `: ${grouped(view.packetsPerSecond)} packets/s` : '';
  printLine(paint('dim', `replayed in ${(view.tookMs / 1_000).toFixed(2)} s${rate}`));
}

function some(all: readonly string[], most: number): string[] {
  return all.length <= most ? [...all] : [...all.slice(0, most), `+${all.length - most}`];
}

function span(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : duration(Math.round(seconds));
}

/** 2026-11-21 18:04:05 UTC. */
function local(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')} UTC`;
}

function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}
