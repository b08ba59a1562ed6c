// Scenarios of Limpet's admin side: what clients of the proxy notice of those who look at it, and what a scrape of a large one costs.
import { get } from 'node:http';
import { Generator } from '../test/kit/load-drill.ts';
import type { LoadSpec } from '../test/kit/load-generator.ts';
import { stopProcess } from '../test/kit/load-process.ts';
import { cpuMicros, processTree } from '../test/kit/load-usage.ts';
import { type BenchRun, interleave, startUpstreams, withPeers } from './bench-run.ts';
import type { RunningPeer } from './peers.ts';
import { type Measurement, type Report, rowsOf } from './report.ts';

/** What is asked for; the page is the dashboard. */
const PATHS = ['/metrics', '/api/v1/upstreams', '/'];

interface Looks {
  /** How often each of the paths is asked for, a second; 0: never, and nobody listens to the events either. */
  readonly pace: number;
  readonly paths: readonly string[];
}

const LOOKS: Readonly<Record<string, Looks>> = {
  nobody: { pace: 0, paths: [] },
  'each second': { pace: 1, paths: PATHS },
  '20 scrapes a second': { pace: 20, paths: ['/metrics'] },
  '20 a second': { pace: 20, paths: PATHS },
};
const CONNECTIONS = 64;
const UPSTREAMS = 500;
const SCRAPES = 5;
/** /metrics is made anew after a second. */
const FRESH_MS = 1100;
const QUICK_SCRAPES = 200;

const NONE = 'nobody';

/** The same proxy and load in turn, while nobody, somebody and many look at the admin side; only Limpets have one that is asked. */
export async function adminSide(run: BenchRun): Promise<Report> {
  const peer = run.peers.find((each) => each.hasAdmin === true);
  const measured = new Map<string, Measurement[]>(Object.keys(LOOKS).map((name) => [name, []]));
  if (peer !== undefined) {
    await withPeers(run, [peer], { affinity: true, accessLog: false }, async ([running]) => {
      const generator = await Generator.start(run.loadCore);
      try {
        await generator.run(specOf(run, running!, run.warmMs));
        const rows = Object.keys(LOOKS).map((name): RunningPeer => ({ ...running!, name }));
        const found = await interleave(rows, run.rounds, async ({ name }) => {
          run.progress(`admin ${name}`);
          const crowd = new Onlookers(running!.adminPort!, LOOKS[name]!);
          const load = await generator.run(specOf(run, running!, run.measureMs));
          const { answered, failed } = crowd.end();
          return {
            figures: {
              p50Ms: load.p50Ms,
              p99Ms: load.p99Ms,
              requestsPerSecond: load.requestsPerSecond,
              corePercent: load.coreShare * 100,
              looks: (answered * 1000) / run.measureMs,
              stalledMs: load.stalledMs,
            },
            trouble: load.failed + failed > 0 ? `${load.failed} requests and ${failed} looks failed` : '',
          };
        });
        for (const [name, rounds] of found) measured.set(name, rounds);
      } finally {
        await generator.stop();
      }
    });
  }
  return {
    name: 'admin',
    title: `Limpet at ${run.rate} requests/s, while a client asks its admin side for /metrics, /api/v1/upstreams and the page, and listens to /api/v1/events; ratios of the p99`,
    columns: [
      { key: 'p50Ms', head: 'p50 ms', digits: 2 },
      { key: 'p99Ms', head: 'p99 ms', digits: 2 },
      { key: 'requestsPerSecond', head: 'req/s', digits: 0 },
      { key: 'looks', head: 'looks/s', digits: 0 },
      { key: 'corePercent', head: 'core %', digits: 0 },
      { key: 'stalledMs', head: 'load stood still ms', digits: 0 },
    ],
    ratioOf: 'p99Ms',
    rows: rowsOf(measured, 'p99Ms', new Map([[NONE, () => NONE]])),
  };
}

function specOf(run: BenchRun, peer: RunningPeer, measureMs: number): LoadSpec {
  return {
    port: peer.port,
    users: CONNECTIONS,
    rate: run.rate,
    warmupMs: 300,
    measureMs,
    drainMs: 2000,
    postEvery: 0,
    watchPid: peer.pid,
  };
}

/** Looks at the admin side so often, by each path, and at its events all the time. */
class Onlookers {
  #answered = 0;
  #failed = 0;
  #ended = false;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #leave: () => void;

  constructor(port: number, { pace, paths }: Looks) {
    this.#leave = pace === 0 ? () => {} : listen(port);
    for (const path of paths) this.#timers.push(setInterval(() => void this.#look(port, path), 1000 / pace));
  }

  end(): { readonly answered: number; readonly failed: number } {
    this.#ended = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#leave();
    return { answered: this.#answered, failed: this.#failed };
  }

  async #look(port: number, path: string): Promise<void> {
    const { status } = await asked(port, path);
    if (this.#ended) return;
    if (status === 200) this.#answered++;
    else this.#failed++;
  }
}

/** Keeps the events open until the function that it gives is called. */
function listen(port: number): () => void {
  const request = get({ host: '127.0.0.1', port, path: '/api/v1/events' }, (response) => response.resume());
  request.on('error', () => {});
  return () => request.destroy();
}

/** Status 0: there was no answer. */
function asked(port: number, path: string): Promise<{ readonly status: number; readonly bytes: number }> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path }, (response) => {
      let bytes = 0;
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes }));
      response.on('error', () => resolve({ status: 0, bytes }));
    });
    request.on('error', () => resolve({ status: 0, bytes: 0 }));
  });
}

/** Scrapes of a Limpet with many upstreams that serves nobody else: such as are made anew, and such as come again within the second. */
export async function scrapes(run: BenchRun): Promise<Report> {
  const peer = run.peers.find((each) => each.hasAdmin === true);
  const measured = new Map<string, Measurement[]>();
  if (peer !== undefined) {
    const upstreams = await startUpstreams(run, UPSTREAMS);
    try {
      const task = { affinity: true, accessLog: false, checkMs: 60_000, upstreamPorts: upstreams.ports };
      await withPeers(run, [peer], task, async ([running]) => {
        // Each upstream is asked, so that its counts are there.
        const generator = await Generator.start(run.loadCore);
        await generator.run({ ...specOf(run, running!, run.warmMs), users: UPSTREAMS, rate: 0 });
        await generator.stop();
        const rows = ['made anew', 'within the second'].map((name): RunningPeer => ({ ...running!, name }));
        const found = await interleave(rows, run.rounds, ({ name }) =>
          name === 'made anew' ? scrape(running!, SCRAPES, FRESH_MS) : scrape(running!, QUICK_SCRAPES, 0),
        );
        for (const [name, rounds] of found) measured.set(name, rounds);
      });
    } finally {
      await stopProcess(upstreams.child);
    }
  }
  return {
    name: 'scrapes',
    title: `/metrics of a Limpet with ${UPSTREAMS} upstreams, one scrape after another`,
    columns: [
      { key: 'tookMs', head: 'ms a scrape', digits: 2 },
      { key: 'cpuMs', head: 'CPU ms a scrape', digits: 2 },
      { key: 'kib', head: 'KiB', digits: 0 },
    ],
    ratioOf: '',
    rows: rowsOf(measured, ''),
  };
}

async function scrape(peer: RunningPeer, count: number, everyMs: number): Promise<Measurement> {
  const pids = processTree(peer.pid);
  let tookMs = 0;
  let cpu = 0;
  let size = 0;
  let failed = 0;
  for (let i = 0; i < count; i++) {
    await new Promise((resolve) => setTimeout(resolve, everyMs));
    // Between the readings is nothing but the scrape: what the proxy does by itself is a timer or two.
    const cpuBefore = cpuMicros(pids);
    const startMs = performance.now();
    const { status, bytes } = await asked(peer.adminPort!, '/metrics');
    tookMs += performance.now() - startMs;
    cpu += cpuMicros(pids) - cpuBefore;
    size = bytes;
    if (status !== 200) failed++;
  }
  return {
    figures: { tookMs: tookMs / count, cpuMs: cpu / 1000 / count, kib: size / 1024 },
    trouble: failed > 0 ? `${failed} scrapes failed` : '',
  };
}
