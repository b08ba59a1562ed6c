// A worker that takes the place of a dead one knows what was revoked before it was born.
import { SignJWT } from 'jose';
import t from 'tap';
import { loadConfigText } from '../../src/config/load.ts';
import { ControlPlane } from '../../src/process/control-plane.ts';
import { askPath, startNamedApp, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

const KEY = 'the signing key of a test, long enough';
const app = await startNamedApp('app', t);
const port = await freePort();
const { config } = loadConfigText(
  `listen: 127.0.0.1:${port}\nworkers: 2\nupstreams: [${app.url}]\nadmin: false\nlog: { level: silent }\nshutdown: { deadline: 1s }\n` +
    `session: { verify: { jwt: { algorithms: [HS256] } }, secrets: ["${KEY}"], user: sub }\n`,
  'limpet.yaml',
  {},
  () => '',
);
if (config === null) throw new Error('the config is sound');
const plane = await ControlPlane.start(config);
t.teardown(() => plane.shutdown.stop('the end of the test'));

t.test('what was revoked stays so when every worker was replaced', async (t) => {
  const jwt = await new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('ada')
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(KEY));
  const status = async (): Promise<number> =>
    (await askPath(port, '/', { authorization: `Bearer ${jwt}` })).status;
  t.equal(await status(), 200);
  const order = { kind: 'user', user: 'ada', block: false } as const;
  await plane.switch!.registry.revoke({ order, ttlMs: null, reason: 'a test', by: 'test' });
  t.equal(await status(), 401);
  for (const number of [0, 1]) {
    await plane.crew.threads[number]?.terminate();
    await until('it is replaced', () => plane.crew.listening === 2);
  }
  t.equal(plane.shelf.total('limpet_worker_restarts_total'), 2);
  for (let i = 0; i < 12; i++) t.equal(await status(), 401);
});
