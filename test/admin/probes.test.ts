// What the probes listener promises: Kubernetes and Prometheus get what they need, apps the keys of their tokens, and nobody gets more.
import t from 'tap';
import { listenOn } from '../../src/admin/app.ts';
import { buildProbes } from '../../src/admin/probes.ts';
import { FakeView, listeningLogger } from './fake-view.ts';

t.test('liveness, readiness and metrics are answered to any name, and nothing else is', async (t) => {
  const view = new FakeView();
  const app = buildProbes({ view, logger: listeningLogger().logger });
  t.teardown(() => app.close());
  const url = await listenOn(app, { kind: 'tcp', host: '127.0.0.1', port: 0 });
  for (const path of ['/livez', '/readyz', '/metrics']) t.equal((await fetch(url + path)).status, 200, path);
  t.equal(
    (await fetch(`${url}/metrics`)).headers.get('content-type'),
    'text/plain; version=0.0.4; charset=utf-8',
  );
  t.equal((await app.inject({ url: '/metrics', headers: { host: 'limpet:9091' } })).statusCode, 200);
  for (const path of ['/', '/api/v1/status', '/api/v1/upstreams'])
    t.equal((await fetch(url + path)).status, 404, path);
  const patch = await fetch(`${url}/api/v1/upstreams/shop/blue`, {
    method: 'PATCH',
    body: '{"wanted":"drain"}',
  });
  t.equal(patch.status, 404);
  t.same(view.changes, []);
  t.equal((await fetch(`${url}/.well-known/jwks.json`)).status, 404, 'without tokens there are no keys');
  view.published = { text: '{"keys":[]}', maxAgeS: 60 };
  const keys = await fetch(`${url}/.well-known/jwks.json`);
  t.equal(keys.headers.get('cache-control'), 'public, max-age=60');
  t.equal(await keys.text(), '{"keys":[]}');
  view.readiness = { ok: false, why: 'no worker is listening yet' };
  const waiting = await fetch(`${url}/readyz`);
  t.equal(waiting.status, 503);
  t.equal(await waiting.text(), 'not ready: no worker is listening yet\n');
});
