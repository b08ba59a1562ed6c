// What a Limpet does to its own upstreams and itself when its admin API is asked: drain one, reload.
import type { AdminClient } from '../admin/client.ts';
import { DrillError } from './drill-error.ts';
import type { Harm } from './harm-shape.ts';

/** Drains an upstream, which must be wanted `ready`, and wants it ready again afterwards. It harms nobody: its users stay. */
export function drainUpstream(admin: AdminClient, pool: string, name: string): Harm {
  let drained = false;
  return {
    instance: null,
    async check() {
      const all = await admin.upstreams();
      const found = all.find((upstream) => upstream.pool === pool && upstream.name === name);
      if (found === undefined) {
        const names = all.slice(0, 20).map((upstream) => `${upstream.pool}/${upstream.name}`);
        throw new DrillError(`there is no upstream ${pool}/${name}`, names.join(', '));
      }
      if (found.wanted !== 'ready')
        throw new DrillError(`${pool}/${name} is wanted ${found.wanted} already`, 'one that is ready');
    },
    async begin() {
      drained = true;
      await admin.setWanted(pool, name, 'drain');
    },
    async end() {
      if (!drained) return '';
      drained = false;
      await admin.setWanted(pool, name, 'ready');
      return `${pool}/${name} is wanted ready again`;
    },
    endNow: () => {},
  };
}

/** Asks for a reload. There is nothing to undo. */
export function reloadByAdmin(admin: AdminClient): Harm {
  return {
    instance: null,
    async check() {
      await admin.upstreams();
    },
    begin: async () => {
      await admin.reload();
    },
    end: () => Promise.resolve(''),
    endNow: () => {},
  };
}
