/** What {@link file://./private-network.ts} loads next finds no WebAssembly. */
export const hidden: unknown = Reflect.get(globalThis, 'WebAssembly');
Reflect.set(globalThis, 'WebAssembly', undefined);
