import type { House } from '../../lab/house-api.ts';
import { hostDir } from '../../lab/network.ts';
import { until } from '../../lab/wait.ts';
import { type At, type Listening, publish } from './house-broker.ts';

/** What SPIN tells of a node, as far as tests look at it. */
export interface SpinNode {
  readonly id: number;
  readonly name?: string;
  readonly mac?: string;
  readonly ips: readonly string[];
}

export interface SpinAnswer<T> {
  readonly id: number;
  readonly result?: T;
  readonly error?: object;
}

/** Where a router of the house has SPIN's unix socket. */
export const spinSocket = (router: string) => `${hostDir(router)}/spin.sock`;

/** A client of SPIN's, through each of its three doors. */
export class SpinClient {
  readonly #house: House;
  readonly #broker: At;
  readonly #client: Listening;
  #count = 0;

  /** @param client listens on the broker */
  constructor(house: House, broker: At, client: Listening) {
    this.#house = house;
    this.#broker = broker;
    this.#client = client;
  }

  /** Asks over MQTT; throws when more than one router answers, or with an error. */
  async byMqtt<T>(method: string, params: object = {}): Promise<T> {
    const text = this.#request(method, params);
    const id = this.#count;
    const from = this.#client.heard.length;
    await publish(this.#house, 'net', this.#broker, 'SPIN/jsonrpc/q', text);
    const answers = () =>
      this.#client
        .since(from, 'SPIN/jsonrpc/a')
        .map(({ payload }) => JSON.parse(payload) as SpinAnswer<T>)
        .filter((one) => one.id === id);
    await this.#client.until(method, () => answers().length > 0);
    const [answer, second] = answers();
    if (answer === undefined || answer.error !== undefined || second !== undefined)
      throw new Error(`${method}: ${JSON.stringify([answer, second])}`);
    return answer.result as T;
  }

  async byHttp<T>(router: string, method: string, params: object = {}): Promise<SpinAnswer<T>> {
    const url = 'http://127.0.0.1:4480/spin_api/jsonrpc';
    const curl = ['curl', '-s', '-m', '10', '-d', this.#request(method, params), url];
    return JSON.parse(await this.#house.must(router, curl)) as SpinAnswer<T>;
  }

  async bySocket<T>(router: string, method: string, params: object = {}): Promise<SpinAnswer<T>> {
    const socat = ['socat', '-t', '10', '-', `UNIX-CONNECT:${spinSocket(router)}`];
    const input = this.#request(method, params);
    return JSON.parse(await this.#house.must(router, socat, { input })) as SpinAnswer<T>;
  }

  /** The node that has an address, among those that a device of the answering router talks to. */
  async remoteOf(mac: string, address: string): Promise<number> {
    return await until(`the node that has ${address}`, async () => {
      const flows = await this.byMqtt<{ to: number }[]>('list_device_flows', { device: mac });
      for (const to of new Set(flows.map((flow) => flow.to))) {
        const node = await this.byMqtt<SpinNode>('get_device_data', { node: to });
        if (node.ips.includes(address)) return to;
      }
      return undefined;
    });
  }

  #request(method: string, params: object): string {
    this.#count += 1;
    return JSON.stringify({ jsonrpc: '2.0', id: this.#count, method, params });
  }
}
