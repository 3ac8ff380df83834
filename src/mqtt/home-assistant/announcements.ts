import { type AnnouncedDevice, deviceDiscovery } from './discovery.ts';

/** The announcements of devices as text, each made anew only when something in it has changed: most never do. */
export class Announcements {
  readonly #made = new Map<string, { readonly from: string; readonly text: string }>();

  /** @param speaker see {@link deviceDiscovery} */
  of(device: AnnouncedDevice, speaker: string): string {
    const from = JSON.stringify([device.name, device.vendor, device.via, speaker]);
    const made = this.#made.get(device.id);
    if (made?.from === from) return made.text;
    const text = JSON.stringify(deviceDiscovery(device, speaker));
    this.#made.set(device.id, { from, text });
    return text;
  }

  /** Those of other devices need not be kept. */
  forgetBut(ids: ReadonlySet<string>): void {
    for (const id of this.#made.keys()) if (!ids.has(id)) this.#made.delete(id);
  }
}
