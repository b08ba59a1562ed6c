// Tells of the client connections that a worker still holds, for the gauge: whose they are, how old, and what state they and their sockets are in.
import { type Runtime, Session } from 'node:inspector';
import { Listener } from '../../src/proxy/listener.ts';
import type { ByteSocket } from '../../src/socket/byte-socket.ts';
import { SocketMaker } from '../../src/socket/handle-socket.ts';

/** When each socket was accepted, ms of `performance.now`. */
const sinceMs = new WeakMap<ByteSocket, number>();
const listeners = new Set<WeakRef<Listener>>();

// Every listener gets its sockets by this call, and TLS takes the place of one by the other.
const { accept, secure } = SocketMaker.prototype;
SocketMaker.prototype.accept = function acceptNoting(server, onAccept, isSecure) {
  accept.call(
    this,
    server,
    (socket) => {
      sinceMs.set(socket, performance.now());
      onAccept(socket);
    },
    isSecure,
  );
};
SocketMaker.prototype.secure = function secureNoting(raw, ...rest) {
  const since = sinceMs.get(raw);
  const socket = secure.call(this, raw, ...rest);
  if (since !== undefined) sinceMs.set(socket, since);
  return socket;
};
const { listen, adopt } = Listener.prototype;
Listener.prototype.listen = function listenNoting(...rest) {
  listeners.add(new WeakRef(this));
  return listen.apply(this, rest);
};
Listener.prototype.adopt = function adoptNoting(...rest) {
  listeners.add(new WeakRef(this));
  return adopt.apply(this, rest);
};

/** What this thread holds, a line for each listener that counts any and one for each of its connections; none where all is at rest. */
export function heldConnections(): string[] {
  const lines: string[] = [];
  for (const reference of listeners) {
    const listener = reference.deref();
    if (listener === undefined) listeners.delete(reference);
    else if (listener.count !== 0) lines.push(...held(listener));
  }
  return lines;
}

function held(listener: Listener): string[] {
  const lines = [`listener ${listener.name} counts ${listener.count}: ${inner(listener, 4)}`];
  for (let c = listener.firstConnection; c !== null; c = c.next) {
    const since = sinceMs.get(c.socket);
    const age = since === undefined ? 'of unknown age' : `${Math.round(performance.now() - since)} ms old`;
    const { remotePort, pendingBytes, destroyed } = c.socket;
    const due = Math.round(c.deadlineMs - c.home.plane.deadlines.nowMs);
    lines.push(
      `connection from ${remotePort}, ${age}, due in ${due} ms, ${pendingBytes} bytes pending${destroyed ? ', destroyed' : ''}: ${inner(c, 2)}`,
    );
  }
  return lines;
}

/** The fields of an object, private ones as well, which only the inspector shows; `depth`: how far into the objects that it holds. */
function inner(object: object, depth: number): string {
  const session = new Session();
  session.connect();
  const scope = globalThis as { limpetSoakHeld?: object };
  scope.limpetSoakHeld = object;
  let told = '';
  session.post('Runtime.evaluate', { expression: 'globalThis.limpetSoakHeld' }, (_error, answer) => {
    told = fieldsOf(session, answer?.result.objectId, depth);
  });
  delete scope.limpetSoakHeld;
  session.disconnect();
  return told;
}

/** What leads away from a connection, or is told of beside it. */
const TOLD_ELSEWHERE = new Set(
  'home plane host next previous wheelNext wheelPrev owner terms #listener #first #options #all'.split(' '),
);

function fieldsOf(session: Session, objectId: string | undefined, depth: number): string {
  if (objectId === undefined) return '';
  let told = '';
  const options: Runtime.GetPropertiesParameterType = { objectId, ownProperties: true };
  session.post('Runtime.getProperties', options, (_error, answer) => {
    // Because: Node's types lack the private ones, which the protocol has.
    const { privateProperties = [] } = (answer ?? {}) as { privateProperties?: Runtime.PropertyDescriptor[] };
    const all = [...(answer?.result ?? []), ...privateProperties];
    told = all
      .filter(({ name, value }) => value !== undefined && !TOLD_ELSEWHERE.has(name))
      .map(({ name, value }) => {
        if (value?.type === 'function') return '';
        if (value?.type !== 'object' || value.subtype !== undefined)
          return `${name}=${value?.description ?? value?.value}`;
        return `${name}=${depth > 1 ? `{${fieldsOf(session, value.objectId, depth - 1)}}` : value.className}`;
      })
      .filter((field) => field !== '')
      .join(' ');
  });
  return told;
}
