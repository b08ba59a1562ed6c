// Puts a running process where `limpet run --replace` finds it.
import { basename, dirname } from 'node:path';
import type { ControlPlane } from './control-plane.ts';
import { type ControlSocket, isOwnName, openControlSocket } from './control-socket.ts';
import { sweepControlSockets } from './control-sweep.ts';
import { estateOf } from './estate.ts';
import { Handover } from './handover.ts';

/** What listens for orders. */
export interface OrderDesk {
  /** No more orders; a successor that does not serve yet is not wanted any more. */
  close(): void;
}

/** Listens on `path`. Where that cannot be, the process runs on without, and the log says so. */
export async function takeOrders(plane: ControlPlane, path: string): Promise<OrderDesk> {
  const handover = new Handover({
    holdReloads: () => plane.reloader.hold(),
    estate: () => estateOf(plane),
    retire: (pid) => plane.shutdown.retire(pid),
    get stopping() {
      return plane.stopping;
    },
    log: (level, fields, text) => {
      plane.log[level](fields, text);
      plane.events.publish('process', level === 'error' ? 'error' : 'info', text, { ...fields });
    },
  });
  let socket: ControlSocket | null = null;
  try {
    socket = await openControlSocket(path, (order, tell) => void handover.carryOut(order, tell));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    plane.log.warn({ control: path, why }, 'limpet run --replace cannot reach this process; see --control');
  }
  // A folder that somebody else chose is his to keep.
  if (socket !== null && isOwnName(basename(path)))
    void sweepControlSockets(dirname(path)).then((removed) => {
      if (removed > 0) plane.log.debug({ removed }, 'control sockets of processes that were killed are gone');
    });
  return {
    close: () => {
      socket?.close();
      handover.cancel();
    },
  };
}
