// The one way into a store: drivers that are missing, options that contradict each other.
import t from 'tap';
import { loadConfigText } from '../../../src/config/load.ts';
import { openSessions } from '../../../src/session/open-session.ts';
import { driver, STORE_KINDS } from '../../../src/session/stores/kinds.ts';
import { STORE_SCHEMES } from '../../../src/session/stores/store-url.ts';
import { openTestStore } from '../../kit/store-drill.ts';

t.test('a driver that is not installed is told with what to type', async (t) => {
  const name = 'limpet-has-no-such-driver';
  await t.rejects(
    driver(name, () => import(name)),
    { name: 'StoreProblem', message: `the package ${name} is not installed`, right: `npm install ${name}` },
  );
});

t.test('every scheme leads to a store that can be opened', async (t) => {
  for (const { family } of Object.values(STORE_SCHEMES)) t.ok(STORE_KINDS[family]);
});

t.test('what contradicts itself is a problem', async (t) => {
  const tls = { ca: null, verify: true, serverName: null };
  const wrong: [string, object][] = [
    ['postgres://h/d?sslmode=prefer', {}],
    ['postgres://h/d?sslmode=constructor', {}],
    ['postgres://h/d?sslmode=disable', { tls }],
    ["postgres://h/d?timezone=UTC';DROP", {}],
    ['postgres://h/d', { replicas: true }],
    ['mysql://h/d', { replicas: true }],
    ['memcached://h', { replicas: true }],
    ['memcached://h/path', {}],
    ['redis://h/zero', {}],
    ['redis+cluster://h/3', {}],
    ['redis+sentinel://h', {}],
    ['file:///tmp', { tls }],
    ['file:///tmp', { replicas: true }],
    ['sqlite:///tmp/x', { tls }],
    ['http://h/', { tls }],
    ['http://h/', { replicas: true }],
  ];
  for (const [url, options] of wrong)
    await t.rejects(openTestStore(t, url, options), { name: 'StoreProblem', right: /./ }, url);
});

t.test(
  'two blocks with the same URL do not share a store, so that none joins a question unseen',
  async (t) => {
    const text = `listeners: [{ bind: 127.0.0.1:8080 }]
sessions:
  one: { verify: php, user: id, store: { url: 'file:sessions' } }
  two: { verify: php, user: id, store: { url: 'file:sessions' } }
upstreams: [http://127.0.0.1:3001]
`;
    const { config, problems } = loadConfigText(text, `${t.testdir()}/limpet.yaml`, {}, () => '');
    t.same(problems, []);
    const [one, two] = await openSessions(config!);
    t.teardown(() => Promise.all([one!.close(), two!.close()]));
    t.ok(one!.store);
    t.ok(two!.store);
    t.not(one!.store, two!.store);
  },
);
