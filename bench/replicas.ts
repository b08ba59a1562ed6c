// Scenario of replicas: two of them behind what sends new connections to those that are ready; one after the other is stopped as a container is, and started anew.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { RestartTraffic, startTrafficUpstreams } from '../test/kit/restart-traffic.ts';
import { type BenchRun, scratchFolder } from './bench-run.ts';
import type { ReplicaWay } from './peers.ts';
import { Replica } from './replica.ts';
import { type Column, type Measurement, type Report, rowsOf } from './report.ts';
import {
  END_MS,
  OVER_MS,
  pause,
  RESTART_COLUMNS,
  restartFigures,
  restartTask,
  trafficSpec,
  trafficWords,
} from './restart-load.ts';

/** Between two looks at who is ready, ms. */
const LOOK_MS = 100;
/** Who has said that it is ready is seen to be by then, or never, ms. */
const SEEN_MS = 60_000;
/** How long one that can serves on after its signal, ms: ten looks. */
const DELAY_MS = 1000;

const COLUMNS: readonly Column[] = [
  ...RESTART_COLUMNS.slice(0, 2),
  { key: 'refused', head: 'connections refused', digits: 0 },
  ...RESTART_COLUMNS.slice(2),
];

/** Each way of each peer, once and alone. */
export async function replicas(run: BenchRun): Promise<Report> {
  const measured = new Map<string, Measurement[]>();
  for (const peer of run.peers) {
    for (const way of peer.replicas ?? []) measured.set(way.name, [await measure(run, way)]);
  }
  return {
    name: 'replicas',
    title: `${run.restarts} times one of two replicas, each in its turn, is stopped by its image's signal and started anew, under ${trafficWords(run.liveRate)}; new connections go to replicas whose readiness passes, asked every ${LOOK_MS} ms; ${DELAY_MS / 1000} s of serving on where there is such a thing, then ${END_MS / 1000} s to end; nothing is pinned`,
    columns: COLUMNS,
    ratioOf: '',
    rows: rowsOf(measured, ''),
  };
}

async function measure(run: BenchRun, way: ReplicaWay): Promise<Measurement> {
  const { dir, sweep } = scratchFolder();
  const upstreams = await startTrafficUpstreams();
  const both: Replica[] = [];
  let front: Front | null = null;
  let traffic: RestartTraffic | null = null;
  let trouble = '';
  try {
    for (const name of ['a', 'b']) {
      const home = join(dir, name);
      mkdirSync(home);
      const task = restartTask(home, upstreams, { round: 0, delayMs: DELAY_MS });
      const replica = new Replica(task, await way.prepare(task));
      both.push(replica);
      await replica.start();
    }
    front = new Front(both);
    await front.sees(both);
    traffic = new RestartTraffic(trafficSpec(run.liveRate), front.port);
    traffic.start();
    await pause(2000);
    for (let round = 1; round <= run.restarts; round++) {
      run.progress(`replicas ${way.name} ${round}`);
      // Each in its turn: by then all WebSockets and most kept connections are those of the one that is stopped.
      const stopped = both[round % 2]!;
      if (way.takenOut) {
        front.takeOut(stopped);
        await pause(DELAY_MS);
      }
      const inOrder = await stopped.end(DELAY_MS + END_MS + OVER_MS);
      if (!inOrder) trouble ||= `stop ${round} was not in order`;
      await stopped.start();
      front.putBack();
      await front.sees(both);
      await pause(300);
    }
    await pause(500);
    return { figures: restartFigures(await traffic.stop()), trouble };
  } finally {
    await traffic?.stop();
    await front?.stop();
    for (const replica of both) await replica.kill();
    upstreams.stop();
    sweep();
  }
}

/** What stands before the replicas: sends each new connection to the next one that was ready when it last looked. */
class Front {
  readonly #replicas: readonly Replica[];
  readonly #watch: Promise<unknown>;
  #out: Replica | null = null;
  #turn = 0;
  #watching = true;

  constructor(replicas: readonly Replica[]) {
    this.#replicas = replicas;
    this.#watch = Promise.all(replicas.map((replica) => this.#look(replica)));
  }

  async #look(replica: Replica): Promise<void> {
    while (this.#watching) {
      replica.ready = await replica.isReady();
      await pause(LOOK_MS);
    }
  }

  /** Where a new connection goes; any replica, where nobody is ready. */
  readonly port = (): number => {
    const ready = this.#replicas.filter((replica) => replica.ready && replica !== this.#out);
    const takers = ready.length > 0 ? ready : this.#replicas;
    return takers[this.#turn++ % takers.length]!.port;
  };

  /** Sends nobody to it any more, whatever its readiness says. */
  takeOut(replica: Replica): void {
    this.#out = replica;
  }

  putBack(): void {
    this.#out = null;
  }

  /** Resolves once it has seen that these are ready. */
  async sees(replicas: readonly Replica[]): Promise<void> {
    const endMs = performance.now() + SEEN_MS;
    while (!replicas.every(({ ready }) => ready)) {
      if (performance.now() > endMs) throw new Error('a replica that was ready is so no more');
      await pause(LOOK_MS / 10);
    }
  }

  async stop(): Promise<void> {
    this.#watching = false;
    await this.#watch;
  }
}
