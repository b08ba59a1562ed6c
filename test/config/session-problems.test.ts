// What is wrong with session and CORS blocks, told at their place, with what would be right.
import t from 'tap';
import { loadConfigText } from '../../src/config/load.ts';

const HEAD = 'listen: 8080\nupstreams: [http://127.0.0.1:1]\n';

/** `line severity path: message >> hint` of each problem. */
function problems(text: string): string[] {
  const { problems } = loadConfigText(text, 'limpet.yaml', { EMPTY: '' }, () => '');
  return problems.map(
    ({ line, severity, path, message, hint }) => `${line} ${severity} ${path}: ${message} >> ${hint}`,
  );
}
const session = (lines: string): string[] => problems(`${HEAD}session:\n${lines.replace(/^/gm, '  ')}`);
const SOUND =
  'verify: express-session\nsecrets: [a secret that is long enough]\nuser: id\nstore: redis://redis:6379\n';

t.test('a sound block says nothing, and guards every route', async (t) => {
  t.same(session(SOUND), []);
  const { config } = loadConfigText(
    `${HEAD}session:\n${SOUND.replace(/^/gm, '  ')}`,
    'limpet.yaml',
    {},
    () => '',
  );
  t.same(config!.routes[0]!.sessions, ['default']);
  const [block] = config!.sessions;
  t.match(block, {
    name: 'default',
    verify: 'express-session',
    cookie: 'connect.sid',
    user: ['id'],
    require: 'login',
    exempt: [],
    onFail: { kind: 'auto' },
    ambiguous: 'forward',
    cache: { ttlMs: 30_000, entries: 100_000 },
    pass: { user: 'Limpet-User', fields: [] },
    store: {
      family: 'redis',
      url: 'redis://redis:6379',
      deadlineMs: 250,
      concurrency: 100,
      waiting: 1000,
      tls: null,
    },
  });
});

for (const [what, lines, expected] of [
  ['an unknown framework', 'verify: expres-session', /is not one of .*express-session.* >> express-session/],
  [
    'no secret',
    SOUND.replace(/secrets.*\n/, ''),
    /without the app's secret express-session cannot be checked/,
  ],
  [
    'a grace that is over before the verdict is',
    `${SOUND}outage: { grace: 10s }\ncache: { ttl: 10s }`,
    /warning session.outage.grace: a verdict stands for its `cache.ttl` anyway/,
  ],
  [
    'a grace with nothing to stand',
    `${SOUND}outage: { grace: 1m }\ncache: false`,
    /warning session.outage.grace: without a cache no verdict is remembered/,
  ],
  [
    'an answer to nobody',
    `${SOUND}require: nothing\noutage: { then: 503 }`,
    /warning session.outage.then: `require: nothing` refuses nobody/,
  ],
  [
    'an outage of no store',
    'verify: cookie-session\nsecrets: [a secret that is long enough]\nuser: id\noutage: { grace: 1m }',
    /warning session.outage: these sessions are kept in no store/,
  ],
  ['a short secret', SOUND.replace('a secret that is long enough', 'short'), /warning .*less than 16 bytes/],
  [
    'no store',
    SOUND.replace(/store.*\n/, ''),
    /error session: .*keeps its sessions in a store.*own memory \(MemoryStore\).*>> store: redis:\/\/\S+, or no session block$/,
  ],
  [
    'no store of a framework that has files',
    'verify: php\nuser: id\n',
    /php keeps its sessions in a store, and this does not say where >> store: file:folder$/,
  ],
  ['no user', SOUND.replace(/user.*\n/, ''), /holds the user id is the app's choice/],
  [
    'a store of another family',
    SOUND.replace('redis://redis:6379', 'file:/tmp'),
    /is not kept in file >> redis:/,
  ],
  [
    'a store of no family',
    SOUND.replace('redis://redis:6379', 'radis://redis'),
    /no store has the scheme radis/,
  ],
  ['a store in the clear', SOUND.replace('redis:6379', 'redis.example.com'), /warning .*without TLS/],
  ['observing', `${SOUND}require: nothing`, /warning .*observes and refuses nobody/],
  ['a bad exempt path', `${SOUND}exempt: [login]`, /session\.exempt\[0\]/],
  [
    'a login page behind its own door',
    `${SOUND}onFail: { redirect: /login }`,
    /needs a session itself.*exempt: \[\/login\]/,
  ],
  [
    'a redirect to a scheme',
    `${SOUND}onFail: { redirect: "javascript:alert(1)" }`,
    /no address to send people to/,
  ],
  [
    'a redirect to a host by accident',
    `${SOUND}onFail: { redirect: "//evil.example/" }`,
    /no address to send people to/,
  ],
  [
    'a redirect with a status',
    `${SOUND}exempt: /l\nonFail: { redirect: /l, status: 400 }`,
    /own status and no body/,
  ],
  ['an answer that is none', `${SOUND}onFail: {}`, /does not say what is answered/],
  ['a field that is Limpet’s', `${SOUND}pass: { fields: { Limpet-Session: id } }`, /something else already/],
  ['a field that frames', `${SOUND}pass: { user: Content-Length }`, /Content-Length/],
  ['a field twice', `${SOUND}pass: { fields: { limpet-user: id } }`, /something else already/],
] as const) {
  t.test(`${what} is told`, async (t) => {
    const told = session(lines);
    t.ok(
      told.some((line) => expected.test(line)),
      told.join('\n') || 'nothing was said',
    );
  });
}

t.test('sessions in memory without affinity are told, with the pool that has none', async (t) => {
  const two = (pool: string): string =>
    problems(
      `listen: 8080\npools: { shop: { upstreams: [http://127.0.0.1:1, http://127.0.0.1:2]${pool} } }\n` +
        `routes: [{ pool: shop }]\nsession: { verify: express-session, secrets: [a secret that is long enough], user: id }\n`,
    ).join('\n');
  t.match(
    two(''),
    /affinity.* \(the pool "shop" has none\) >> .*or no session block and affinity: \{ cookie: \{\} \}/,
  );
  t.match(two(', affinity: { cookie: {} }'), /error session: .*MemoryStore.* >> .*or no session block$/);
  t.notMatch(two(', affinity: { cookie: {} }'), /has none/);
});

t.test('a store that is far away is asked in the clear only with a warning', async (t) => {
  const warns = (url: string, more = ''): boolean => {
    const told = session(SOUND.replace('redis://redis:6379', `{ url: "${url}"${more} }`));
    t.notMatch(told.join('\n'), / error /, url);
    return told.some((line) => /warning session\.store.*without TLS/.test(line));
  };
  for (const [url, far] of [
    ['redis://redis:6379', false],
    ['redis://127.0.0.1:6379', false],
    ['redis://[::1]:6379', false],
    ['redis://[2001:db8::1]:6379', true],
    ['redis://redis.localhost', false],
    ['rediss://redis.example.com', false],
    ['redis+cluster://127.0.0.1,redis.example.com', true],
    ['rediss+cluster://redis.example.com', false],
    ['redis+sentinel://10.0.0.1/shop', true],
    ['memcached://cache.example.com', true],
    ['memcacheds://cache.example.com', false],
    ['postgres://u@db.example.com/app', true],
    ['postgres://u@db.example.com/app?sslmode=disable', true],
    ['postgres://u@db.example.com/app?sslmode=verify-full', false],
    ['mongodb://db.example.com/app', true],
    ['mongodb://db.example.com/app?tls=true', false],
    ['mongodb://db.example.com/app?ssl=true&x=y', false],
    ['mongodb+srv://db.example.com/app', false],
    ['mongodb+srv://db.example.com/app?tls=false', true],
  ] as const) {
    t.equal(warns(url), far, url);
  }
  t.equal(warns('redis://redis.example.com', ', tls: {}'), false);
});

t.test('a route names blocks that there are', async (t) => {
  const routes = 'routes: [{ path: /, pool: default, session: member }]\n';
  const blocks = `sessions:\n  members:\n${SOUND.replace(/^/gm, '    ')}`;
  const told = problems(`${HEAD}${routes}${blocks}`);
  t.match(told.join('\n'), /3 error routes\[0\]\.session: there is no session block "member" >> members/);
  t.match(told.join('\n'), /5 warning sessions.members: no route is checked/);
  t.match(
    problems(`${HEAD}routes: [{ path: /, redirect: { to: /x }, session: false }]`).join('\n'),
    /means nothing for/,
  );
});

t.test('the secret and the store’s password are never told', async (t) => {
  const lines =
    SOUND.replace('redis:6379', ':hunter2@redis.example.com').replace('long enough', 'longer') +
    'nonsense: 1';
  const { problems } = loadConfigText(
    `${HEAD}session:\n${lines.replace(/^/gm, '  ')}`,
    'limpet.yaml',
    {},
    () => '',
  );
  t.ok(problems.length > 0);
  t.notMatch(JSON.stringify(problems), /hunter2|longer/);
});

t.test('origins are checked as browsers would', async (t) => {
  const cors = (text: string): string =>
    problems(`${HEAD}routes: [{ path: /, pool: default, cors: { ${text} } }]`).join('\n');
  t.equal(
    cors('origins: [https://a.example, "https://*.a.example", "http://localhost:*", http://a:8080]'),
    '',
  );
  t.match(cors('origins: "*", credentials: true'), /every site act as its visitors/);
  t.match(cors('origins: "null"'), /sandboxed/);
  t.match(cors('origins: https://a.example/'), /is not an origin/);
  t.match(cors('origins: https://A.example'), /is not an origin/);
  t.match(cors('origins: "https://*.com"'), /top-level/);
  t.match(cors('origins: https://a.example:443'), /usual port.* >> https:\/\/a\.example/);
  t.match(cors('credentials: true'), /origins/);
});

t.test('an outage that is left as it is, or set to nothing, is no reason for a warning', async (t) => {
  for (const lines of [
    'cache: false',
    'outage: { grace: 0 }',
    'cache: { ttl: 1h }',
    'outage: { then: 503, readyz: true }',
  ])
    t.same(session(`${SOUND}${lines}`), [], lines);
});
