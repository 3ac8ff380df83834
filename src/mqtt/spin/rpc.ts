import type { Clock } from '../../clock.ts';
import type { Method } from '../../control/offer.ts';
import { failureOf } from '../../control/rpc.ts';
import type { Log } from '../../log.ts';
import { SpinChanges } from './changes.ts';
import { SpinFailure, UNKNOWN_LIST } from './failure.ts';
import { SpinHome } from './home.ts';
import { LISTS } from './lists.ts';
import { SpinQueries } from './queries.ts';
import {
  type Arguments,
  checkArguments,
  type MethodName,
  methodList,
  OLDER,
  SIGNATURES,
  type Signature,
} from './signatures.ts';

/**
 * Answers one request in SPIN's JSON-RPC, a JSON text, with another; with an empty text a request without an id whose method
 * answers nothing. Never rejects.
 * @param by who is said to have made a change
 */
export type SpinRpc = (text: string, by: string) => Promise<string>;

export interface SpinRpcOptions {
  readonly methods: ReadonlyMap<string, Method>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Requests that are being answered at once; more are refused. */
const MAX_AT_ONCE = 64;
/** Longer requests than any of SPIN's are not read, characters. */
export const MAX_REQUEST = 65_536;

type Run = (given: Arguments, by: string) => unknown;

/** SPIN's JSON-RPC over the commands and views of this home. */
export function spinRpc({ methods, clock, log }: SpinRpcOptions): SpinRpc {
  const home = new SpinHome(methods);
  const runs = runsOf(new SpinQueries(home, () => clock.now()), new SpinChanges(home));
  let running = 0;

  const run = async (method: string, params: Arguments, by: string): Promise<unknown> => {
    const name = Object.hasOwn(runs, method) ? (method as MethodName) : undefined;
    if (name === undefined) return new SpinFailure('No such function registered');
    const given = checkArguments(SIGNATURE_OF[name], params);
    if (typeof given === 'string') return new SpinFailure(given);
    if (running >= MAX_AT_ONCE) return new SpinFailure('Too many requests at once');
    running += 1;
    try {
      return await runs[name](given, by);
    } catch (error) {
      return new SpinFailure(failureOf(error, log).message);
    } finally {
      running -= 1;
    }
  };

  return async (text, by) => {
    const request = text.length > MAX_REQUEST ? undefined : readRequest(text);
    // What cannot be read has no version either: SPIN says no more of it.
    const { jsonrpc, method, params = {} } = request ?? {};
    if (jsonrpc !== '2.0') return answer(request, new SpinFailure('Wrong JSON-RPC version, expected 2.0', 1));
    if (typeof method !== 'string')
      return answer(request, new SpinFailure("'method' object must be a string", 2));
    if (!isObject(params)) return answer(request, new SpinFailure("'params' object must be a dict", 3));
    return answer(request, await run(method, params, by));
  };
}

const SIGNATURE_OF: Readonly<Record<MethodName, Signature>> = { ...SIGNATURES, ...OLDER };

function runsOf(queries: SpinQueries, changes: SpinChanges): Readonly<Record<MethodName, Run>> {
  const setFlowBlock: Run = ({ node1, node2, block }, by) =>
    changes.blockFlow(Number(node1), Number(node2), Number(block), by);
  return {
    add_iplist_ip: ({ list, ip }, by) => changes.addAddress(String(list), String(ip), by),
    add_iplist_node: ({ list, node }, by) => changes.addNode(String(list), Number(node), by),
    dots_signal: () => new SpinFailure('DOTS support is not enabled in spind.conf', 1),
    get_device_data: ({ node }) => queries.node(Number(node)),
    get_flow_block: () => queries.blockedPairs(),
    list_device_flows: ({ device }) => queries.flows(String(device)),
    list_devices: () => queries.devices(),
    list_iplist: ({ list }) => queries.list(String(list)),
    list_rpc_methods: () => methodList(),
    node_add_ip: ({ node, ipaddr }, by) => changes.addAddressToNode(Number(node), String(ipaddr), by),
    remove_iplist_ip: ({ list, ip }, by) => changes.removeAddress(String(list), String(ip), by),
    remove_iplist_node: ({ list, node }, by) => changes.removeNode(String(list), Number(node), by),
    reset_iplist_ignore: (_, by) => changes.resetIgnored(by),
    set_device_flow_block: ({ device, node, block }, by) =>
      changes.blockDeviceFlow(String(device), Number(node), Number(block), by),
    set_device_name: ({ node, name }, by) => changes.setName(Number(node), String(name), by),
    set_flow_block: setFlowBlock,
    spindlist: async ({ list, addrem, node }, by) => {
      const name = LISTS[Number(list)];
      if (name === undefined) return new SpinFailure(UNKNOWN_LIST);
      const change = addrem === 0 ? changes.addNode : changes.removeNode;
      return (await change.call(changes, name, Number(node), by)) ?? 0;
    },
    blockflow: async (given, by) => (await setFlowBlock(given, by)) ?? 0,
    get_blockflow: () => queries.blockedPairs(),
  };
}

/** Keys in SPIN's order; a request without an id is answered by the bare result. */
function answer(request: Readonly<Record<string, unknown>> | undefined, result: unknown): string {
  const hasId = request !== undefined && Object.hasOwn(request, 'id');
  const head = { jsonrpc: '2.0', ...(hasId ? { id: request.id } : {}) };
  if (result instanceof SpinFailure) {
    const { code, message } = result;
    return JSON.stringify({ ...head, error: { code, message } });
  }
  if (!hasId) return result === undefined ? '' : JSON.stringify(result);
  return JSON.stringify({ ...head, ...(result === undefined ? {} : { result }) });
}

function readRequest(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
