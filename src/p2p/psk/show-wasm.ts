import { hidden } from './hide-wasm.ts';

Reflect.set(globalThis, 'WebAssembly', hidden);
