// A worker that dies is replaced, and the users of the others notice nothing.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
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

/** A crew whose workers run `body` in place of a data plane; each is told which of all it is as `generation`, and what died is noted. */
function crewOf(t: Test, config: Config, body: string): { crew: Crew; deaths: [number, string][] } {
  const deaths: [number, string][] = [];
  let births = 0;
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
      generation: ++births,
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
      challenges: [],
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
     parentPort.on('message', ({ say }) => { if (say === 'hung' && workerData.worker === 1) throw new Error('a bug of worker 1'); });`,
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

t.test(
  'workers come up while it is read who must not be served, and listen when that is known',
  async (t) => {
    const { crew } = crewOf(
      t,
      soundConfig(),
      `parentPort.on('message', ({ say }) => { if (say === 'listen') parentPort.postMessage({ say: 'listening' }); });`,
    );
    let tell = (): void => {};
    const known = new Promise<void>((resolve) => {
      tell = resolve;
    });
    let started = false;
    const starting = crew.start(known).then(() => {
      started = true;
    });
    await Promise.all(crew.threads.map((thread) => once(thread, 'online')));
    t.equal(crew.listening, 0);
    t.notOk(started);
    tell();
    await starting;
    t.equal(crew.listening, 2);
  },
);

t.test('a replacement that cannot bind is told and let go, and another tries until one can', async (t) => {
  const { crew, deaths } = crewOf(
    t,
    soundConfig(),
    `parentPort.on('message', ({ say }) => {
       if (say === 'hung' && workerData.worker === 1) throw new Error('a bug of worker 1');
       if (say !== 'listen') return;
       if (workerData.generation === 3)
         parentPort.postMessage({ say: 'unbound', listener: 'front', code: 'EADDRINUSE', message: 'it is taken' });
       else parentPort.postMessage({ say: 'listening' });
     });`,
  );
  await crew.start();
  crew.tell({ say: 'hung', slot: 0 });
  await until('it was replaced twice', () => deaths.length === 2);
  t.match(deaths[1]![1], /could not listen: listener front: it is taken/);
  t.equal(crew.listening, 1);
  await until('its place is taken', () => crew.listening === 2);
});

t.test(
  'a port that another process took while its only worker was dead is taken back when it is free',
  async (t) => {
    const app = await startNamedApp('app', t);
    const port = await freePort();
    const config = { ...soundConfig(port, app.url), workers: 1 };
    const plane = await ControlPlane.start(config);
    t.teardown(() => plane.shutdown.stop('the end of the test'));
    await plane.crew.threads[0]!.terminate();
    const thief = createServer();
    await new Promise<void>((resolve) => thief.listen(port, '127.0.0.1', resolve));
    t.teardown(() => thief.close());
    await until(
      'a replacement could not listen',
      () => plane.shelf.total('limpet_worker_restarts_total') > 1,
    );
    t.equal(plane.crew.listening, 0);
    t.match(plane.view.ready(), { ok: false, why: /0 of 1 workers listen/ });
    await new Promise((resolve) => thief.close(resolve));
    await until('one listens', () => plane.crew.listening === 1);
    t.equal((await askPath(port, '/')).status, 200);
  },
);
