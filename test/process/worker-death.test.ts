// A worker that dies is replaced, the other's users notice nothing, and what it had under way is given back.
import type { ServerResponse } from 'node:http';
import t from 'tap';
import { loadConfigText } from '../../src/config/load.ts';
import { ControlPlane } from '../../src/process/control-plane.ts';
import { askPath, startNamedApp, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

const app = await startNamedApp('app', t);
const port = await freePort();
const { config } = loadConfigText(
  `listen: 127.0.0.1:${port}\nworkers: 2\nupstreams: [${app.url}]\nadmin: false\nlog: { level: silent }\nshutdown: { deadline: 1s }\n`,
  'limpet.yaml',
  {},
  () => '',
);
if (config === null) throw new Error('the config is sound');
const plane = await ControlPlane.start(config);
t.teardown(() => plane.shutdown.stop('the end of the test'));

t.test('in-flight counts do not leak, and the replacement serves', async (t) => {
  const held: ServerResponse[] = [];
  app.answer = (request, response) => {
    if (request.method === 'OPTIONS') response.end();
    else held.push(response);
  };
  const asked = Array.from({ length: 12 }, (_, i) =>
    askPath(port, `/${i}`).then(
      (told) => told.status,
      () => 0,
    ),
  );
  await until('all are under way', () => held.length === 12);
  t.equal(plane.table.inFlight[0], 12);
  const own = plane.table.ownInFlight[0]!;
  await plane.crew.threads[0]?.terminate();
  await until('its share is given back', () => plane.table.inFlight[0] === 12 - own);
  app.answer = (_request, response, name) => response.end(name);
  for (const response of held) response.end('late');
  const statuses = await Promise.all(asked);
  t.equal(
    statuses.filter((status) => status === 200).length,
    12 - own,
    'the other worker’s users got their answers',
  );
  await until('both listen', () => plane.crew.listening === 2);
  t.equal(plane.table.inFlight[0], 0);
  for (let i = 0; i < 20; i++) t.equal((await askPath(port, '/')).status, 200);
  t.equal(plane.shelf.total('limpet_worker_restarts_total'), 1);
});
