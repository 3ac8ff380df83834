import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** A thousand agents are more than Node lets a process have by default, megabytes. */
const HEAP_MB = 12_000;

/** To be called first: lets the heap grow. */
export function growHeap(): void {
  setFlagsFromString(`--max-old-space-size=${HEAP_MB}`);
}

/** Bytes of heap in use after a collection. */
export function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
  return process.memoryUsage().heapUsed;
}
