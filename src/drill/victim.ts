// Reads what an event is done to, and says which event can be done to what.

import { quote, type Reading } from '../config/units.ts';
import { parseName } from '../config/words.ts';
import type { Victim } from './plan.ts';
import type { EventKind } from './scenario-keys.ts';

/** What each event can be done to, as one writes it. */
const CAN: { readonly [K in EventKind]: readonly Victim['by'][] } = {
  kill: ['pid', 'port', 'container', 'demo', 'run'],
  hang: ['pid', 'port', 'container', 'demo', 'run'],
  slow: ['run'],
  restart: ['container', 'demo', 'run'],
  drain: ['upstream'],
  reload: ['pid', 'port', 'container', 'admin', 'run'],
};

const WRITTEN: { readonly [K in Victim['by']]: string } = {
  pid: 'pid:N',
  port: 'port:N',
  container: 'container:NAME',
  demo: 'demo:APP',
  run: 'run:COMMAND',
  upstream: 'POOL/NAME',
  admin: 'admin',
};

/** A container's name or id, as Docker and Podman allow it; never one that could be read as an option. */
const CONTAINER = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/** Reads the victim of an event. */
export function parseVictim(kind: EventKind, text: string): Reading<Victim> {
  const can = CAN[kind];
  const right = can.map((by) => WRITTEN[by]).join(', ');
  if (kind === 'drain') return parseUpstreamPath(text, right);
  const match = /^(pid|port|container|demo|run|admin)(?::(.*))?$/s.exec(text);
  const by = match?.[1] as Victim['by'] | undefined; // one of the words of the pattern
  if (by === undefined) return { wrong: `${quote(text)} is nothing that can be met by ${kind}`, right };
  if (!can.includes(by)) return { wrong: `${kind} cannot be done to ${WRITTEN[by]}`, right };
  const rest = (match?.[2] ?? '').trim();
  switch (by) {
    case 'pid':
    case 'port': {
      const most = by === 'pid' ? 4_194_304 : 65_535; // the kernel's PID_MAX_LIMIT; a port's 16 bits
      const number = /^\d{1,7}$/.test(rest) ? Number(rest) : 0;
      if (number < 1 || number > most) {
        return {
          wrong: `${quote(rest)} is not a ${by === 'pid' ? 'process id' : 'port'}`,
          right: WRITTEN[by],
        };
      }
      if (by === 'port') return { value: { by, port: number } };
      // Everything on a machine hangs on 1, and the drill on itself.
      if (number === 1 || number === process.pid) {
        return { wrong: `the process ${number} is not one to be harmed`, right: "the app's own pid" };
      }
      return { value: { by, pid: number } };
    }
    case 'container':
      if (!CONTAINER.test(rest))
        return { wrong: `${quote(rest)} is not the name of a container`, right: 'container:web-1' };
      return { value: { by, name: rest } };
    case 'demo':
      if (!/^[a-z]{1,40}$/.test(rest))
        return { wrong: `${quote(rest)} is no app of the demo`, right: 'demo:coral' };
      return { value: { by, app: rest } };
    case 'admin':
      return rest === '' ? { value: { by } } : { wrong: `${quote(text)} says too much`, right: 'admin' };
    default:
      if (rest === '') return { wrong: 'there is no command', right: "run:'systemctl restart web@1'" };
      return { value: { by: 'run', command: rest } };
  }
}

/** `POOL/NAME`; the first `/` parts them, since a name may be a socket's path. */
function parseUpstreamPath(text: string, right: string): Reading<Victim> {
  const slash = text.indexOf('/');
  const pool = text.slice(0, Math.max(0, slash));
  const name = text.slice(slash + 1);
  const sound = slash > 0 && !('wrong' in parseName(pool)) && !('wrong' in parseName(name));
  return sound
    ? { value: { by: 'upstream', pool, name } }
    : { wrong: `${quote(text)} names no upstream`, right };
}
