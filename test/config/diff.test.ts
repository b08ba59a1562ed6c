// What a config says otherwise than another is told part by part, and no secret with it.
import t from 'tap';
import type { Config } from '../../src/config/config.ts';
import { diffConfigs } from '../../src/config/diff.ts';
import { loadConfigText } from '../../src/config/load.ts';
import { shownConfig } from '../../src/config/shown.ts';

function load(text: object): Config {
  const { config, problems } = loadConfigText(JSON.stringify(text), 'limpet.yaml', {}, () => '');
  if (config === null) throw new Error(JSON.stringify(problems));
  return config;
}

const BASE = { listen: 8080, pools: { shop: { upstreams: ['http://127.0.0.1:1', 'http://127.0.0.1:2'] } } };

const texts = (now: object, next: object): string[] =>
  diffConfigs(load(now), load(next)).map(({ text }) => text);

t.test('the same config, and the same parts in another order, are no change', async (t) => {
  t.same(texts(BASE, BASE), []);
  t.same(
    texts(BASE, { ...BASE, pools: { shop: { upstreams: ['http://127.0.0.1:2', 'http://127.0.0.1:1'] } } }),
    [],
  );
});

t.test('parts that come, go and change are told by kind and name', async (t) => {
  const next = {
    listeners: [{ bind: 8080 }, { bind: 8081 }],
    trustedProxies: ['10.0.0.0/8'],
    pools: {
      shop: { upstreams: [{ url: 'http://127.0.0.1:1', weight: 3 }, 'http://127.0.0.1:3'], slowStart: '5s' },
      blog: { upstreams: ['http://127.0.0.1:9'] },
    },
    routes: [
      { path: '/', pool: 'shop' },
      { path: '/blog', pool: 'blog' },
    ],
  };
  t.same(texts(BASE, next), [
    'listener 0.0.0.0:8081 added',
    'route /blog added',
    'pool shop changed: slowStartMs 0 → 5000',
    'pool blog added',
    'upstream shop/127.0.0.1:2 removed',
    'upstream shop/127.0.0.1:1 changed: weight 1 → 3',
    'upstream shop/127.0.0.1:3 added',
    'upstream blog/127.0.0.1:9 added',
    'trustedProxies changed',
  ]);
  const [weight] = diffConfigs(load(BASE), load(next)).filter(
    ({ change, what }) => change === 'changed' && what === 'upstream',
  );
  t.same(weight, {
    what: 'upstream',
    pool: 'shop',
    name: '127.0.0.1:1',
    change: 'changed',
    keys: ['weight'],
    text: 'upstream shop/127.0.0.1:1 changed: weight 1 → 3',
  });
});

t.test('a secret that changes is told by its key alone', async (t) => {
  const withSecret = (secret: string, token: string): object => ({
    ...BASE,
    pools: { shop: { ...BASE.pools.shop, affinity: { cookie: { secrets: [secret] } } } },
    admin: { bind: '127.0.0.1:9090', tokens: [{ name: 'ops', token }] },
  });
  const now = withSecret('one-secret-that-is-long', 'one-token-that-is-long');
  const next = withSecret('two-secret-that-is-long', 'two-token-that-is-long');
  t.same(texts(now, next), ['pool shop changed: affinity.cookie.secrets', 'admin changed: tokens']);
  t.notMatch(JSON.stringify(diffConfigs(load(now), load(next))), /that-is-long/);
});

t.test('a config is shown without its secrets, and whole otherwise', async (t) => {
  const config = load({
    ...BASE,
    pools: {
      shop: {
        upstreams: ['http://127.0.0.1:1'],
        affinity: { cookie: { name: 'home', secrets: ['affinity-secret-of-mine'] } },
      },
    },
    routes: [
      {
        path: '/',
        pool: 'shop',
        session: 'members',
        headers: {
          request: {
            set: { Authorization: 'Basic aGVsbG8=', 'X-Origin-Auth': 'field-of-mine', 'X-Plain': 'seen' },
          },
        },
      },
      {
        path: '/go',
        redirect: { to: 'https://x.example/?access_token=query-of-mine&sig=query-of-mine&a=b' },
      },
    ],
    sessions: {
      members: {
        verify: 'express-session',
        secrets: ['session-secret-of-mine'],
        user: 'user',
        store: 'redis://ann:redis-password@127.0.0.1:6379/0',
      },
    },
    admin: { bind: '127.0.0.1:9090', tokens: [{ name: 'ops', token: 'token-of-ops-that-is-long' }] },
    tracing: { endpoint: 'http://127.0.0.1:4318', headers: { 'X-Collector-Team': 'collector-of-mine' } },
  });
  const shown = JSON.stringify(shownConfig(config));
  t.notMatch(shown, /of-mine|redis-password|token-of-ops|aGVsbG8/);
  t.match(shown, '"name":"home"');
  t.match(shown, '["X-Plain","seen"]');
  t.match(shown, '["X-Collector-Team","***"]');
  t.match(shown, 'access_token=***&sig=***&a=b');
  t.match(shown, '"secrets":["***"]');
  t.match(shown, '127.0.0.1:6379');
});
