import type { Plan, Planned } from './backend.ts';
import { chainsOf } from './chains.ts';
import { restoreText } from './chains-text.ts';
import { TABLES } from './nft/names.ts';
import { whole } from './nft/plan.ts';
import type { Table } from './nft/table.ts';
import { fillOf } from './resync.ts';

/** The texts that put it in force. They cost some 40 ms for 10,000 pairs. */
export function planOf(planned: Planned): Plan {
  const beside = {
    ...(planned.bridge && { bridge: tableText(planned.bridge, TABLES.bridged) }),
    ...(planned.own && { own: tableText(planned.own, TABLES.own) }),
  };
  if (planned.backend === 'nftables')
    return { backend: 'nftables', table: tableText(planned.table, TABLES.routed), ...beside };
  const { backend, variant, rulebook } = planned;
  const { shape } = rulebook;
  return {
    backend,
    variant,
    sets: { v4: fillOf(rulebook, 4), v6: fillOf(rulebook, 6) },
    chains: {
      v4: restoreText({ chains: chainsOf(shape, 4), gone: [] }),
      v6: restoreText({ chains: chainsOf(shape, 6), gone: [] }),
    },
    ...beside,
  };
}

/** For `nft -f`: the table whole, in place of what there is. */
export function tableText(table: Table, name: string): string {
  return `${whole(table, undefined, name).join('\n')}\n`;
}
