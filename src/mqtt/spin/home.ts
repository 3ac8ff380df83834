import type { Method } from '../../control/offer.ts';
import { call } from '../../control/rpc.ts';
import type { FlowView } from '../../control/views/flows.ts';
import type { NumberedNode } from '../../control/views/numbers.ts';
import type { PolicyBrief } from '../../control/views/policies-brief.ts';

/** Numbers of SPIN are 32-bit signed integers. */
const MAX_NUMBER = 2 ** 31 - 1;
/** So many ids are asked for at a time. */
const MAX_IDS = 10_000;
/** So many flows of a device are told at most. */
const MAX_FLOWS = 10_000;

/** The commands and views that speak of what SPIN's clients ask for. */
export class SpinHome {
  readonly #methods: ReadonlyMap<string, Method>;

  constructor(methods: ReadonlyMap<string, Method>) {
    this.#methods = methods;
  }

  async devices(): Promise<readonly NumberedNode[]> {
    return (await this.#view('numbers', {})) as NumberedNode[];
  }

  /** The nodes with these ids, one for each that they are; those that nobody knows are left out. */
  async nodes(ids: readonly string[]): Promise<readonly NumberedNode[]> {
    const wanted = [...new Set(ids)];
    const found = new Map<number, NumberedNode>();
    for (let from = 0; from < wanted.length; from += MAX_IDS) {
      const some = (await this.#view('numbers', {
        ids: wanted.slice(from, from + MAX_IDS),
      })) as NumberedNode[];
      for (const node of some) found.set(node.alias, node);
    }
    return [...found.values()];
  }

  /** The node that is called so, or was before it was merged. */
  async node(number: number): Promise<NumberedNode | undefined> {
    if (!(number >= 1 && number <= MAX_NUMBER)) return undefined;
    return ((await this.#view('numbers.node', { number })) as NumberedNode | null) ?? undefined;
  }

  /** Who has an address. */
  async owner(address: string): Promise<NumberedNode | undefined> {
    return ((await this.#view('numbers.owner', { address })) as NumberedNode | null) ?? undefined;
  }

  /** From now on there is a node that is just this address. */
  async note(address: string): Promise<void> {
    await this.#view('numbers.owner', { address, note: true });
  }

  /** The device with a MAC, in any spelling of it with colons. */
  async deviceWith(mac: string): Promise<NumberedNode | undefined> {
    const wanted = mac.toLowerCase();
    return (await this.devices()).find(({ macs }) => macs.includes(wanted));
  }

  async policies(): Promise<readonly PolicyBrief[]> {
    return (await this.#view('policies.brief', {})) as PolicyBrief[];
  }

  /** The live flows of a node, those with ignored nodes too. */
  async flows({ id }: { readonly id: string }): Promise<readonly FlowView[]> {
    return (await this.#view('flows', { who: `id:${id}`, all: true, top: MAX_FLOWS })) as FlowView[];
  }

  /** Makes a change and waits until this router's kernel has it; the others are not waited for. */
  async change(name: string, params: object, by: string): Promise<void> {
    await call(this.#methods, name, { ...params, by, wait: false }, by);
  }

  #view(name: string, params: object): Promise<unknown> {
    return call(this.#methods, name, params, 'spin');
  }
}
