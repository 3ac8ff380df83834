/** Types of arguments, by the names that SPIN gives them. */
export type ArgumentType = 'integer' | 'string' | 'complex';
export type Signature = Readonly<Record<string, ArgumentType>>;

/** SPIN's 16 methods with their arguments, in its order, as of its commit a5185b7. */
export const SIGNATURES = {
  add_iplist_ip: { list: 'string', ip: 'string' },
  add_iplist_node: { list: 'string', node: 'integer' },
  dots_signal: { dots_signal: 'complex' },
  get_device_data: { node: 'integer' },
  get_flow_block: {},
  list_device_flows: { device: 'string' },
  list_devices: {},
  list_iplist: { list: 'string' },
  list_rpc_methods: {},
  node_add_ip: { node: 'integer', ipaddr: 'string' },
  remove_iplist_ip: { list: 'string', ip: 'string' },
  remove_iplist_node: { list: 'string', node: 'integer' },
  reset_iplist_ignore: {},
  set_device_flow_block: { device: 'string', node: 'integer', block: 'integer' },
  set_device_name: { node: 'integer', name: 'string' },
  set_flow_block: { node1: 'integer', node2: 'integer', block: 'integer' },
} as const satisfies Readonly<Record<string, Signature>>;

/** Names that the methods had over ubus before; they work and are not listed. */
export const OLDER = {
  spindlist: { list: 'integer', addrem: 'integer', node: 'integer' },
  blockflow: { node1: 'integer', node2: 'integer', block: 'integer' },
  get_blockflow: {},
} as const satisfies Readonly<Record<string, Signature>>;

export type MethodName = keyof typeof SIGNATURES | keyof typeof OLDER;

/** What SPIN answers to list_rpc_methods. */
export function methodList(): readonly object[] {
  return Object.entries(SIGNATURES).map(([name, signature]) => ({
    'rpc-name': name,
    'rpc-args': Object.entries(signature).map(([argument, type]) => ({
      'rpc-arg-name': argument,
      'rpc-arg-type': type,
    })),
    // SPIN says so of all of them, those that answer nothing included.
    'rpc-result-type': 'complex',
  }));
}

/** Arguments that were checked against a signature. */
export type Arguments = Readonly<Record<string, unknown>>;

/** Checks arguments as SPIN does; a text says in its words what is wrong. */
export function checkArguments(
  signature: Signature,
  params: Readonly<Record<string, unknown>>,
): string | Arguments {
  const given = Object.entries(params);
  const wanted = new Map(Object.entries(signature));
  if (given.length !== wanted.size) return 'Wrong number of arguments';
  const checked: Record<string, unknown> = {};
  for (const [name, value] of given) {
    const type = wanted.get(name);
    if (type === undefined) return 'No such argument registered';
    if (typeOf(value) !== type) return 'Wrong type of argument';
    checked[name] = typeof value === 'number' ? Math.trunc(value) : value;
  }
  return checked;
}

function typeOf(value: unknown): ArgumentType {
  if (typeof value === 'number') return 'integer';
  return typeof value === 'string' ? 'string' : 'complex';
}
