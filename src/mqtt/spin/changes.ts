import { addressSubject } from '../../control/address-subject.ts';
import type { NumberedNode } from '../../control/views/numbers.ts';
import { NO_DEVICE, SpinFailure, UNKNOWN_LIST, UNKNOWN_NODE } from './failure.ts';
import type { SpinHome } from './home.ts';
import { type Entry, entriesOf, type ListName, pairsOf } from './lists.ts';
import { listNamed } from './queries.ts';

/** What a change answers: nothing, or why it was not made. What a command refuses it throws. */
type Done = SpinFailure | undefined;

/** So many policies are taken away in one change. */
const MAX_RETIRED = 100;

/** What SPIN's clients change: each is a change of the whole home, in this router's kernel when it is answered. */
export class SpinChanges {
  readonly #home: SpinHome;

  constructor(home: SpinHome) {
    this.#home = home;
  }

  /** set_flow_block. As with SPIN, nodes that nobody knows and a node with itself are passed over in silence. */
  async blockFlow(number1: number, number2: number, block: number, by: string): Promise<Done> {
    const [one, other] = [await this.#home.node(number1), await this.#home.node(number2)];
    if (one === undefined || other === undefined || one.alias === other.alias) return undefined;
    return this.#setBlock(one, other, block !== 0, by);
  }

  /** set_device_flow_block */
  async blockDeviceFlow(mac: string, number: number, block: number, by: string): Promise<Done> {
    const device = await this.#home.deviceWith(mac);
    if (device === undefined) return new SpinFailure(NO_DEVICE);
    return this.blockFlow(device.alias, number, block, by);
  }

  /** add_iplist_node */
  async addNode(name: string, number: number, by: string): Promise<Done> {
    const list = listNamed(name);
    if (list === undefined) return new SpinFailure(UNKNOWN_LIST);
    const node = await this.#home.node(number);
    if (node === undefined) return new SpinFailure(UNKNOWN_NODE, -2);
    return this.#put(list, `id:${node.id}`, node.device, by);
  }

  /** remove_iplist_node */
  async removeNode(name: string, number: number, by: string): Promise<Done> {
    const list = listNamed(name);
    if (list === undefined) return new SpinFailure(UNKNOWN_LIST);
    const node = await this.#home.node(number);
    if (node === undefined) return new SpinFailure(UNKNOWN_NODE, -2);
    return this.#take(list, (entry) => entry.node !== undefined && node.ids.includes(entry.node), by);
  }

  /** add_iplist_ip: an address is the node that has it, a network is a network. */
  async addAddress(name: string, ip: string, by: string): Promise<Done> {
    const list = listNamed(name);
    if (list === undefined) return new SpinFailure(UNKNOWN_LIST);
    const subject = addressSubject(ip);
    if (subject === undefined) return new SpinFailure('Invalid IP address');
    const owner = subject.kind === 'address' ? await this.#home.owner(subject.text) : undefined;
    return this.#put(list, subject.what, owner?.device === true, by);
  }

  /** remove_iplist_ip: also of a node that is listed with other addresses besides. */
  async removeAddress(name: string, ip: string, by: string): Promise<Done> {
    const list = listNamed(name);
    if (list === undefined) return new SpinFailure(UNKNOWN_LIST);
    const text = addressSubject(ip)?.text;
    if (text === undefined) return new SpinFailure('Invalid IP address');
    const entries = entriesOf(list, await this.#home.policies());
    const nodes = await this.#home.nodes(entries.flatMap(({ node }) => node ?? []));
    const having = nodes.filter(({ addresses }) => addresses.some(({ address }) => address === text));
    const ids = new Set(having.flatMap((node) => node.ids));
    return this.#take(list, ({ node, network }) => ids.has(node ?? '') || network === text, by);
  }

  /** reset_iplist_ignore: nothing is ignored any more. The router's own addresses need not be: they are no nodes here. */
  async resetIgnored(by: string): Promise<Done> {
    return this.#take('ignore', () => true, by);
  }

  /** set_device_name: an empty name takes the names away. */
  async setName(number: number, name: string, by: string): Promise<Done> {
    const node = await this.#home.node(number);
    if (node === undefined) return new SpinFailure(UNKNOWN_NODE);
    const text = name.trim() === '' ? {} : { text: name.slice(0, 200) };
    await this.#home.change('name', { what: `id:${node.id}`, ...text }, by);
    return undefined;
  }

  /**
   * node_add_ip: a person says that a remote has one more address, so the two are merged. The addresses of devices are those
   * that are seen; merging a device with an address outside is refused by the command. Node 0: a new one of its own.
   */
  async addAddressToNode(number: number, ip: string, by: string): Promise<Done> {
    const subject = addressSubject(ip);
    if (subject?.kind !== 'address') return new SpinFailure('Not a valid IP address');
    if ((await this.#home.owner(subject.text)) !== undefined)
      return new SpinFailure('IP address already assigned to a node');
    if (number === 0) {
      await this.#home.note(subject.text);
      return undefined;
    }
    const node = await this.#home.node(number);
    if (node === undefined) return new SpinFailure(UNKNOWN_NODE);
    if (node.device) return new SpinFailure('A device has the addresses that are seen of it, and no others');
    await this.#home.change('merge', { first: `id:${node.id}`, second: subject.what }, by);
    return undefined;
  }

  async #setBlock(one: NumberedNode, other: NumberedNode, block: boolean, by: string): Promise<Done> {
    const pair = { first: `id:${one.id}`, second: `id:${other.id}` };
    if (block) {
      await this.#home.change('block', pair, by);
      return undefined;
    }
    const is = (node: NumberedNode, id: string) => node.ids.includes(id);
    const blocked = pairsOf(await this.#home.policies()).some(
      ({ a, b }) => (is(one, a) && is(other, b)) || (is(one, b) && is(other, a)),
    );
    if (blocked) await this.#home.change('unblock', { ...pair, all: true }, by);
    return undefined;
  }

  /** SPIN's lists are about all traffic of an address: of a device that is the internet and the rest of the home. */
  async #put(list: ListName, subject: string, device: boolean, by: string): Promise<Done> {
    if (list === 'ignore') await this.#home.change('ignore', { what: subject }, by);
    else if (!device) await this.#home.change(list, { first: 'home', second: subject }, by);
    else {
      await this.#home.change(list, { first: subject, second: 'internet' }, by);
      await this.#home.change(list, { first: subject, second: 'lan' }, by);
    }
    return undefined;
  }

  async #take(list: ListName, isMeant: (entry: Entry) => boolean, by: string): Promise<Done> {
    const records = entriesOf(list, await this.#home.policies())
      .filter(isMeant)
      .map(({ policy }) => policy);
    for (let from = 0; from < records.length; from += MAX_RETIRED) {
      await this.#home.change('import.retire', { records: records.slice(from, from + MAX_RETIRED) }, by);
    }
    return undefined;
  }
}
