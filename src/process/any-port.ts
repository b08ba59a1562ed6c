// Listeners on port 0 take any free port, once: the one that was found stays over reloads, and with a successor.
import { isDeepStrictEqual } from 'node:util';
import type { Bind, Config, ListenerConfig } from '../config/config.ts';

/** An address as a config writes it, with port 0, and as it is listened on. */
export interface FoundPort {
  readonly written: Bind;
  readonly bind: Bind;
}

/** Whether any port will do. */
export function isAnyPort(bind: Bind): boolean {
  return bind.kind === 'tcp' && bind.port === 0;
}

/** What was found for the listeners of `given`, as it runs. */
export function foundPorts(given: Config, running: Config): FoundPort[] {
  return given.listeners.flatMap(({ bind: written }, at) => {
    const bind = running.listeners[at]?.bind;
    return isAnyPort(written) && bind !== undefined ? [{ written, bind }] : [];
  });
}

/** Gives what was found to the listeners that are written so, the first found to the first. Those that are more keep port 0. */
export function withFoundPorts(
  listeners: readonly ListenerConfig[],
  found: readonly FoundPort[],
): ListenerConfig[] {
  const left = [...found];
  return listeners.map((listener) => {
    const at = left.findIndex(({ written }) => isDeepStrictEqual(written, listener.bind));
    const [known] = at < 0 ? [] : left.splice(at, 1);
    return known === undefined ? listener : { ...listener, bind: known.bind };
  });
}
