// URLs of stores: what is read, what is refused with what would be right, and that no credential is told.
import t from 'tap';
import { parseStoreUrl, STORE_SCHEMES, storeLabel } from '../../../src/session/stores/store-url.ts';

t.test('each part is read, and credentials are percent-decoded', async (t) => {
  t.match(parseStoreUrl('rediss://us%3Aer:p%40ss%2F%23w@db.example:6380/2'), {
    family: 'redis',
    tls: true,
    hosts: [{ host: 'db.example', port: 6380 }],
    username: 'us:er',
    password: 'p@ss/#w',
    path: '/2',
  });
  t.match(parseStoreUrl('redis://:secret@[::1]'), {
    hosts: [{ host: '::1', port: 6379 }],
    username: null,
    password: 'secret',
  });
  t.match(parseStoreUrl('REDIS+SENTINEL://a,b:26380/shop/1').hosts, [
    { host: 'a', port: 26_379 },
    { host: 'b', port: 26_380 },
  ]);
  t.match(parseStoreUrl('file:///var/lib/php/sess%20ions'), {
    family: 'file',
    path: '/var/lib/php/sess ions',
  });
  t.match(parseStoreUrl('sqlite:data/db.sqlite3'), { family: 'sqlite', path: 'data/db.sqlite3' });
  t.match(parseStoreUrl('postgres://app@/shop?host=/run/postgresql'), {
    hosts: [],
    path: '/shop',
    username: 'app',
  });
  t.match(parseStoreUrl('https://u:p@id.example/session?x=1&y').hosts, [{ host: 'id.example', port: 443 }]);
  t.match(parseStoreUrl('mongodb://a:1,b:2/shop?replicaSet=rs0'), { family: 'mongo' });
});

t.test('what cannot be meant is a problem that says what would be right, and nothing secret', async (t) => {
  const wrong = [
    'nonsense hunter2',
    'gopher://u:hunter2@h',
    'constructor://h',
    'redis://u:hunter2@h:99999',
    'redis://u:hunter2@',
    'redis://u:hunter2@a,b',
    'redis://u:hunter2%@h',
    'redis://u:hunter2#@h',
    'redis://u:hunter2/x@h/0',
    'redis://h/0?password=hunter2',
    'postgres://u:hunter2@h/db?sslmod=require',
    'file://hunter2/path',
    'file:',
    'sqlite:///',
  ];
  for (const text of wrong) {
    try {
      parseStoreUrl(text);
      t.fail(`${text} was taken`);
    } catch (error) {
      t.match(error, { name: 'StoreProblem', right: /./ }, text);
      t.notMatch(`${(error as Error).message} ${(error as { right?: string }).right}`, /hunter2/, text);
    }
  }
});

t.test('the label has no user, password or parameter', async (t) => {
  const url = parseStoreUrl('redis+sentinel://u:hunter2@[::1]:5,b/shop/0?sentinelPassword=hunter3');
  t.equal(storeLabel(url), 'redis+sentinel://[::1]:5,b:26379/shop/0');
});

t.test('every scheme is read', async (t) => {
  for (const [scheme, { port }] of Object.entries(STORE_SCHEMES))
    t.ok(parseStoreUrl(port === 0 ? `${scheme}:///path` : `${scheme}://host`));
});
