/** Where things are in the checkout; nothing of it is written to. */
import { join } from 'node:path';

const lab = import.meta.dirname;
const checkout = join(lab, '..');

export const paths = {
  checkout,
  /** The Node that the project installs, whatever started this. */
  node: join(checkout, 'node_modules/node/bin/node'),
  hedgerow: join(checkout, 'dist/hedgerow.js'),
  servers: join(lab, 'servers.ts'),
  datagrams: join(lab, 'datagrams.ts'),
  udhcpc: join(lab, 'udhcpc.sh'),
};
