// A TCP probe: connect and go. It says that somebody listens, not that he is awake: a stopped process still accepts.
import { connect, type Socket } from 'node:net';
import { type Probe, type ProbeDone, type ProbeTarget, type ProbeTime, spellMs, Verdict } from './probe.ts';

/** Connects to the target's address, or to another `port` of it, within `timeoutMs`. TLS is not spoken. Never throws. */
export function startTcpProbe(
  time: ProbeTime,
  target: ProbeTarget,
  port: number | null,
  timeoutMs: number,
  done: ProbeDone,
): Probe {
  const verdict = new Verdict(time, done);
  const address = target.address;
  let socket: Socket;
  try {
    socket = 'path' in address ? connect(address.path) : connect(port ?? address.port, address.host);
  } catch (error) {
    // A port or path that Node refuses to dial at all. Told later, as every result is.
    queueMicrotask(() => verdict.failed(error));
    return { cancel: () => verdict.drop() };
  }
  // Another port is another server's, which nobody said wants a header.
  const greeting = port === null ? (target.greeting ?? null) : null;
  const end = (): void => {
    timer.cancel();
    if (greeting !== null && !socket.connecting && !socket.destroyed) socket.end(greeting);
    // What was written is with the kernel by now, or nobody listens.
    socket.destroy();
  };
  let timer = time.timers.after(timeoutMs, () => {
    // A loop that stood still has its timers before its sockets: what has connected meanwhile is heard first.
    timer = time.timers.after(0, () => {
      end();
      verdict.dead(`no connect within ${spellMs(timeoutMs)}`);
    });
  });
  socket.on('connect', () => {
    end();
    verdict.alive('connected');
  });
  socket.on('error', (error) => {
    end();
    verdict.failed(error);
  });
  return {
    cancel: () => {
      verdict.drop();
      end();
    },
  };
}
