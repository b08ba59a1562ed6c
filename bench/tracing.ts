// Scenario of tracing: what a request costs where nothing is traced, where one in a hundred is, and where all are.
import { createServer, type Server } from 'node:http';
import { Generator } from '../test/kit/load-drill.ts';
import type { LoadSpec } from '../test/kit/load-generator.ts';
import { freePort } from '../test/kit/ports.ts';
import { type BenchRun, interleave, withPeers } from './bench-run.ts';
import type { Peer } from './peers.ts';
import { type Measurement, type Report, rowsOf } from './report.ts';

const CONNECTIONS = 64;
/** `off` is there twice: what lies between the two is what the machine does by itself. */
const SAMPLES: Readonly<Record<string, string | null>> = {
  off: null,
  'off again': null,
  '1 %': '1%',
  '100 %': '100%',
};
const OFF = 'off';

/** Only Limpets take part. */
export async function tracing(run: BenchRun): Promise<Report> {
  const peer = run.peers.find((each) => each.hasAdmin === true);
  let measured = new Map<string, Measurement[]>();
  if (peer !== undefined) {
    const { server, endpoint, posts } = await startCollector();
    try {
      const peers = Object.entries(SAMPLES).map(([name, sample]) => sampled(peer, name, sample, endpoint));
      measured = await withPeers(run, peers, { affinity: true, accessLog: false }, async (running) => {
        const generator = await Generator.start(run.loadCore);
        const spec = (port: number, watchPid: number, measureMs: number): LoadSpec => ({
          port,
          users: CONNECTIONS,
          rate: 0,
          warmupMs: 300,
          measureMs,
          drainMs: 2000,
          postEvery: 0,
          watchPid,
        });
        try {
          for (const each of running) await generator.run(spec(each.port, each.pid, run.warmMs));
          return await interleave(running, run.rounds, async (each) => {
            run.progress(`tracing ${each.name}`);
            const before = posts();
            const load = await generator.run(spec(each.port, each.pid, run.measureMs));
            const failed = load.failed > 0 ? `${load.failed} requests failed` : '';
            const untold = SAMPLES[each.name] !== null && posts() === before ? 'no span was sent' : '';
            return {
              figures: {
                cpuMicros: load.cpuMicrosPerRequest,
                requestsPerSecond: load.requestsPerSecond,
                p99Ms: load.p99Ms,
              },
              trouble: failed || untold,
            };
          });
        } finally {
          await generator.stop();
        }
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }
  return {
    name: 'tracing',
    title: `small keep-alive GETs on ${CONNECTIONS} connections, with spans of some sent to a collector; the CPU of making and sending them is in it`,
    columns: [
      { key: 'cpuMicros', head: 'CPU us/req', digits: 2 },
      { key: 'requestsPerSecond', head: 'req/s', digits: 0 },
      { key: 'p99Ms', head: 'p99 ms', digits: 2 },
    ],
    ratioOf: 'cpuMicros',
    rows: rowsOf(measured, 'cpuMicros', new Map([[OFF, () => OFF]])),
  };
}

function sampled(peer: Peer, name: string, sample: string | null, endpoint: string): Peer {
  return {
    ...peer,
    name,
    start: async (task) => {
      const own = sample === null ? task : { ...task, tracing: { endpoint, sample } };
      return { ...(await peer.start({ ...own, configName: name.replaceAll(/\W/g, '') })), name };
    },
  };
}

/** Takes whatever is posted. */
async function startCollector(): Promise<{ server: Server; endpoint: string; posts: () => number }> {
  let posts = 0;
  const server = createServer((request, response) => {
    posts++;
    request.resume();
    request.on('end', () => response.setHeader('content-type', 'application/json').end('{}'));
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { server, endpoint: `http://127.0.0.1:${port}`, posts: () => posts };
}
