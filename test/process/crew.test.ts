// A worker that dies is replaced, and the users of the others notice nothing.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { AddressCounts } from '../../src/limit/address-counts.ts';
import { BucketTable } from '../../src/limit/bucket-table.ts';
import { MetricShelf } from '../../src/observe/metric-shelf.ts';
import { ControlPlane } from '../../src/process/control-plane.ts';
import { BindError, Crew } from '../../src/process/crew.ts';
import { UpstreamTable } from '../../src/upstream/upstream-table.ts';
import { askPath, startNamedApp, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

const folder = mkdtempSync(join(tmpdir(), 'limpet-crew-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

/** Two workers; silent, since this is the test's own process, whose stdout is its report. */
function soundConfig(port = 0, url = 'http://127.0.0.1:9'): Config {
  const file = join(folder, 'limpet.yaml');
  writeFileSync(
    file,
    `listen: 127.0.0.1:${port}\nworkers: 2\nadmin: false\nlog: { level: silent }\nupstreams: ["${url}"]\n`,
  );
  const { config } = loadConfig(file, {});
  if (config === null) throw new Error('the config is sound');
  return config;
}

t.test('a worker that dies is replaced, its requests are counted off, and no other is lost', async (t) => {
  const app = await startNamedApp('app', t);
  const held: ServerResponse[] = [];
  app.answer = ({ method }, response) => {
    // A probe of its life is answered at once.
    if (method === 'GET') held.push(response);
    else response.end();
  };
  const port = await freePort();
  const plane = await ControlPlane.start(soundConfig(port, app.url));
  t.teardown(() => plane.shutdown.stop('the end of the test'));
  t.equal(plane.workers, 2);
  const asked = 24;
  const ends = Array.from({ length: asked }, () =>
    askPath(port, '/').then(
      ({ status }) => status,
      () => 'lost',
    ),
  );
  const inFlight = (worker: number): number => plane.table.ownInFlight[worker * plane.table.memory.capacity]!;
  await until('all are with the app', () => held.length === asked);
  const dying = inFlight(0);
  const others = inFlight(1);
  t.equal(dying + others, asked);
  t.ok(dying > 0 && others > 0, `both have work: ${dying} and ${others}`);

  const victim = plane.crew.threads[0]!;
  await victim.terminate();
  await until('its requests are counted off', () => plane.table.inFlight[0] === others);
  t.equal(inFlight(0), 0);
  t.equal(plane.crew.listening, 1);
  for (const response of held) response.end('ok');
  const told = await Promise.all(ends);
  t.equal(told.filter((end) => end === 200).length, others, 'the other worker lost none');
  t.equal(told.filter((end) => end === 'lost').length, dying);

  await until('it is replaced', () => plane.crew.listening === 2);
  t.not(plane.crew.threads[0], victim);
  t.equal(plane.shelf.total('limpet_worker_restarts_total'), 1);
  app.answer = (_request, response, name) => response.end(name);
  for (let i = 0; i < 24; i++) t.equal((await askPath(port, '/')).status, 200);
  await until('none is in flight', () => plane.table.inFlight[0] === 0);
});

/** A crew whose workers run `body` in place of a data plane; what died is noted. */
function crewOf(t: Test, config: Config, body: string): { crew: Crew; deaths: [number, string][] } {
  const deaths: [number, string][] = [];
  const code = `import { parentPort, workerData } from 'node:worker_threads'; ${body}`;
  const table = new UpstreamTable(UpstreamTable.allocate(1, 2));
  const addresses = AddressCounts.allocate(16, 2);
  const crew = new Crew({
    entry: new URL(`data:text/javascript,${encodeURIComponent(code)}`),
    workers: 2,
    shelf: new MetricShelf({ workers: 2, onFull: () => {} }),
    table,
    addresses,
    init: () => ({
      config,
      generation: 1,
      rows: { upstreams: [], pools: [], routes: [] },
      workers: 2,
      table: table.memory,
      learned: [],
      trails: [],
      revocations: null,
      traceAccount: new Int32Array(new SharedArrayBuffer(4)),
      counts: { buckets: BucketTable.allocate(16), addresses },
      lists: new Map(),
      connectionsMax: 1,
      refusingMax: 1,
      shared: true,
      addresses: [],
      signing: null,
      certificates: [],
    }),
    onMessage: () => {},
    onDeath: (worker, why) => deaths.push([worker, why]),
  });
  t.teardown(() => crew.end());
  return { crew, deaths };
}

t.test('what a worker died of is told, and its place is taken while the other stays', async (t) => {
  const { crew, deaths } = crewOf(
    t,
    soundConfig(),
    `parentPort.postMessage({ say: 'listening' });
     parentPort.on('message', () => { if (workerData.worker === 1) throw new Error('a bug of worker 1'); });`,
  );
  await crew.start();
  const [stays, dies] = crew.threads;
  crew.tell({ say: 'hung', slot: 0 });
  await until('one died', () => deaths.length === 1);
  t.equal(deaths[0]![0], 1);
  t.match(deaths[0]![1], /a bug of worker 1/);
  t.equal(crew.listening, 1);
  await until('its place is taken', () => crew.listening === 2);
  t.equal(crew.threads[0], stays);
  t.not(crew.threads[1], dies);
});

t.test('a worker that cannot bind fails the start with the name of the listener', async (t) => {
  const { crew } = crewOf(
    t,
    soundConfig(),
    `parentPort.postMessage({ say: 'unbound', listener: 'front', code: 'EACCES', message: 'not permitted' });
     parentPort.on('message', () => {});`,
  );
  await t.rejects(crew.start(), new BindError('front', 'EACCES', 'not permitted'));
});
