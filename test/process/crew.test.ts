// A worker that dies is replaced, and the users of the others notice nothing.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { ControlPlane } from '../../src/process/control-plane.ts';
import { askPath, startNamedApp, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

const folder = mkdtempSync(join(tmpdir(), 'limpet-crew-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

t.test('a worker that dies is replaced, its requests are counted off, and no other is lost', async (t) => {
  const app = await startNamedApp('app', t);
  const held: ServerResponse[] = [];
  app.answer = ({ method }, response) => {
    // A probe of its life is answered at once.
    if (method === 'GET') held.push(response);
    else response.end();
  };
  const file = join(folder, 'limpet.yaml');
  const port = await freePort();
  // Silent: this is the test's own process, whose stdout is its report.
  writeFileSync(
    file,
    `listen: 127.0.0.1:${port}\nworkers: 2\nadmin: false\nlog: { level: silent }\nupstreams: ["${app.url}"]\n`,
  );
  const { config } = loadConfig(file, {});
  if (config === null) throw new Error('the config is sound');
  const plane = await ControlPlane.start(config);
  t.teardown(() => plane.stop('the end of the test'));
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
