// Scenarios of long connections: WebSocket echo, event streams to many, and pipelined requests.
import { fileURLToPath } from 'node:url';
import { NODE, nextMessage, startProcess, stopProcess } from '../test/kit/load-process.ts';
import { freePort } from '../test/kit/ports.ts';
import { type BenchRun, interleave, withPeers } from './bench-run.ts';
import { type Column, type Report, rowsOf } from './report.ts';
import type { SocketResult, SocketSpec } from './socket-messages.ts';

const LOAD = fileURLToPath(new URL('socket-load.ts', import.meta.url));
const UPSTREAM = fileURLToPath(new URL('socket-upstream.ts', import.meta.url));

const CONNECTIONS: Readonly<Record<SocketSpec['kind'], number>> = {
  websocket: 64,
  events: 500,
  pipelined: 16,
};
/** Every listener gets an event that often. */
const EVENT_EVERY_MS = 100;

const TITLES: Readonly<Record<SocketSpec['kind'], string>> = {
  websocket: `messages of 64 bytes echoed on ${CONNECTIONS.websocket} WebSockets, each sent when the one before has come back`,
  events: `an event of 128 bytes to each of ${CONNECTIONS.events} listeners every ${EVENT_EVERY_MS} ms; latency from its sending`,
  pipelined: `small GETs on ${CONNECTIONS.pipelined} connections, 16 at a time without waiting for answers`,
};
const EACH: Readonly<Record<SocketSpec['kind'], string>> = {
  websocket: 'message',
  events: 'event',
  pipelined: 'request',
};

export async function longConnections(run: BenchRun, kind: SocketSpec['kind']): Promise<Report> {
  const columns: readonly Column[] = [
    { key: 'cpuMicros', head: `CPU us/${EACH[kind]}`, digits: 2 },
    { key: 'perSecond', head: `${EACH[kind]}s/s`, digits: 0 },
    { key: 'p50Ms', head: 'p50 ms', digits: 2 },
    { key: 'p99Ms', head: 'p99 ms', digits: 2 },
    { key: 'loadPercent', head: 'load %', digits: 0 },
  ];
  const upstream = kind === 'pipelined' ? null : await startSocketUpstream(run);
  const load = startProcess(NODE, [LOAD], { core: run.loadCore, ipc: true });
  try {
    await nextMessage(load);
    const measure = async (spec: SocketSpec): Promise<SocketResult> => {
      const answer = nextMessage<{ result: SocketResult }>(load);
      load.send(spec);
      return (await answer).result;
    };
    const task = {
      affinity: false,
      accessLog: false,
      ...(upstream === null ? {} : { upstreamPorts: [upstream.port] }),
    };
    const measured = await withPeers(run, run.peers, task, async (running) => {
      const spec = (peer: { port: number; pid: number }, measureMs: number): SocketSpec => ({
        kind,
        port: peer.port,
        connections: CONNECTIONS[kind],
        warmMs: 500,
        measureMs,
        watchPid: peer.pid,
      });
      for (const peer of running) await measure(spec(peer, run.warmMs));
      return interleave(running, run.rounds, async (peer) => {
        const result = await measure(spec(peer, run.measureMs));
        run.progress(`${kind} ${peer.name} ${result.perSecond.toFixed(0)} ${EACH[kind]}s/s`);
        return {
          figures: {
            cpuMicros: result.cpuMicrosEach,
            perSecond: result.perSecond,
            p50Ms: result.p50Ms,
            p99Ms: result.p99Ms,
            loadPercent: result.ownCoreShare * 100,
          },
          trouble: result.trouble,
        };
      });
    });
    return {
      name: kind,
      title: TITLES[kind],
      columns,
      ratioOf: 'cpuMicros',
      rows: rowsOf(measured, 'cpuMicros'),
    };
  } finally {
    await stopProcess(load);
    if (upstream !== null) await stopProcess(upstream.child);
  }
}

async function startSocketUpstream(run: BenchRun) {
  const port = await freePort();
  const child = startProcess(NODE, [UPSTREAM, String(port), String(EVENT_EVERY_MS)], {
    core: run.loadCore,
    ipc: true,
  });
  await nextMessage(child);
  return { port, child };
}
