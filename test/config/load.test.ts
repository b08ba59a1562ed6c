// A sound config becomes the Config it says, with every default in and every short key where it belongs.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Config } from '../../src/config/config.ts';
import { findConfigFile, loadConfig, loadConfigText } from '../../src/config/load.ts';
import { formatProblems } from '../../src/config/print.ts';
import { DEFAULT_FIELDS } from '../../src/observe/access-fields.ts';

const SHORTEST = 'listen: 8080\nupstreams: [http://127.0.0.1:3001, http://127.0.0.1:3002]\n';
const SECRET = 'a-secret-of-more-than-sixteen-bytes';

function load(text: string, env: NodeJS.ProcessEnv = {}, files: Record<string, string> = {}): Config {
  const result = loadConfigText(text, 'limpet.yaml', env, (path) => {
    const file = files[path];
    if (file === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
    return file;
  });
  if (result.config === null) throw new Error(formatProblems(result.problems, { color: false }));
  return result.config;
}

t.test('the shortest config has every default', async (t) => {
  const config = load(SHORTEST);
  const upstream = {
    scheme: 'http',
    host: '127.0.0.1',
    socketPath: null,
    weight: 1,
    maxConnections: 0,
    backup: false,
    wanted: 'ready',
    proxyProtocol: null,
    tls: null,
  };
  const timeouts = {
    connectMs: 1000,
    headMs: 10_000,
    bodyIdleMs: 30_000,
    responseMs: 60_000,
    idleMs: 60_000,
    streamMs: 300_000,
    tunnelMs: 3_600_000,
    tunnelTotalMs: 0,
    totalMs: 0,
    expectMs: 1000,
  };
  const limits = {
    requestLineBytes: 8192,
    headBytes: 32_768,
    fields: 100,
    bodyBytes: Number.POSITIVE_INFINITY,
    minRateBytes: 240,
    minReadRateBytes: 0,
    tinyChunks: 16_000,
    connectionsPerAddress: 0,
    requestsPerConnection: 0,
    ipv6Prefix: 64,
    rateLimitKeys: 100_000,
    responseHeadBytes: 65_536,
    bufferBytes: 65_536,
    connections: 0,
  };
  const http = {
    via: null,
    strictTarget: false,
    dropUnderscores: true,
    abortOnClose: false,
    forwarded: false,
    proxyAuth: false,
  };
  const retries = { attempts: 2, budget: 0.2, statuses: [], bodyBufferBytes: 65_536 };
  const noEdits = { set: [], add: [], remove: [] };
  t.same(config, {
    file: 'limpet.yaml',
    listeners: [
      {
        name: '0.0.0.0:8080',
        bind: { kind: 'tcp', host: '0.0.0.0', port: 8080 },
        proxyProtocol: false,
        tls: null,
        redirectPort: null,
      },
    ],
    workers: null,
    watch: false,
    trustedProxies: [],
    access: null,
    sharedLimits: [],
    routes: [
      {
        name: '/',
        host: null,
        path: '/',
        exact: false,
        methods: null,
        action: { kind: 'pool', pool: 'default' },
        split: null,
        requestFields: noEdits,
        responseFields: noEdits,
        rewrite: { stripPrefix: null, addPrefix: null, path: null },
        sessions: [],
        cors: null,
        affinity: true,
        rateLimits: [],
        access: null,
        timeouts,
        limits,
        retries,
        http,
      },
    ],
    sessions: [],
    signing: null,
    revocation: null,
    pools: [
      {
        name: 'default',
        upstreams: [
          { ...upstream, name: '127.0.0.1:3001', url: 'http://127.0.0.1:3001', port: 3001 },
          { ...upstream, name: '127.0.0.1:3002', url: 'http://127.0.0.1:3002', port: 3002 },
        ],
        balance: { kind: 'round-robin', hash: null, hashLoad: Number.POSITIVE_INFINITY },
        affinity: null,
        continuity: null,
        health: {
          active: null,
          passive: { errors: 3, ejectForMs: 10_000, maxEjectForMs: 300_000, maxEjected: 0.5, statuses: [] },
          suspicion: { afterMs: null, probeTimeoutMs: 100 },
          panic: 0,
        },
        timeouts,
        retries,
        host: 'keep',
        maintenance: null,
        maxConnections: 0,
        queue: { max: 0, timeoutMs: 1000 },
        slowStartMs: 0,
        keepAlive: { idle: 32, idleTimeoutMs: 55_000, maxAgeMs: 3_600_000, requests: 100_000 },
        resolveMs: 30_000,
      },
    ],
    limits,
    timeouts,
    http,
    errors: {},
    admin: {
      bind: { kind: 'tcp', host: '127.0.0.1', port: 9090 },
      tokens: [],
      probes: null,
      userWindowMs: 300_000,
      tls: null,
    },
    log: {
      level: 'info',
      access: {
        form: 'json',
        fields: DEFAULT_FIELDS,
        carried: [],
        file: null,
        sample: 1,
        slowMs: 0,
        valueChars: 256,
        hide: [],
        user: false,
      },
      format: 'auto',
      file: null,
    },
    tracing: null,
    shutdown: { delayMs: 0, deadlineMs: 30_000 },
  });
});

t.test('short keys are those of pool default, long or short, beside other pools', async (t) => {
  const long = 'pools:\n  default: { upstreams: [http://a:1] }\n  other: { upstreams: [http://b:1] }\n';
  const routes = 'routes: [{ pool: default }, { path: /b, pool: other }]\n';
  const short = 'listen: 1\nbalance: random\nretries: false\ntimeouts: { connect: 2s, head: 3s }\n';
  const config = load(`${short}${long}${routes}`);
  const [first, other] = config.pools;
  t.match(first, { name: 'default', balance: { kind: 'random' }, retries: { attempts: 0 } });
  t.equal(first?.timeouts.connectMs, 2000);
  t.match(other, { name: 'other', balance: { kind: 'round-robin' }, retries: { attempts: 2 } });
  t.equal(other?.timeouts.connectMs, 1000);
  t.equal(config.timeouts.headMs, 3000, 'the head is read before a pool is known');
  t.match(load(`${SHORTEST}pools: { b: { upstreams: [http://b:1] } }\n`).routes, [
    { action: { pool: 'default' } },
  ]);
});

t.test('without routes the only pool has everything', async (t) => {
  const config = load('listen: 1\npools: { shop: { upstreams: [http://a:1], timeouts: { idle: 5s } } }\n');
  t.match(config.routes, [{ path: '/', action: { kind: 'pool', pool: 'shop' } }]);
  t.equal(config.timeouts.idleMs, 5000);
});

t.test('a route inherits what it does not say: from its pool, and from the top', async (t) => {
  const text = `listen: 1
limits: { body: 1MiB, fields: 50 }
via: limpet
strictTarget: true
pools:
  a: { upstreams: [http://a:1], timeouts: { response: 5s, connect: 3s }, retries: { attempts: 1 } }
routes:
  - pool: a
    timeouts: { connect: 2s }
    retries: { budget: 50% }
    limits: { body: unlimited }
    via: false
  - { path: /r, redirect: { to: "/x{path}" }, methods: [GET, HEAD] }
  - { path: /r, respond: { body: no, headers: { X-A: 1 } }, methods: [POST] }
  - { path: "= /r", host: A.example.com, pool: a, retries: false }
`;
  const [one, redirect, respond, exact] = load(text).routes;
  t.match(one?.timeouts, { connectMs: 2000, responseMs: 5000, bodyIdleMs: 30_000 });
  t.match(one?.retries, { attempts: 1, budget: 0.5 });
  t.match(one?.limits, { bodyBytes: Number.POSITIVE_INFINITY, fields: 50 });
  t.match(one?.http, { via: null, strictTarget: true });
  t.match(redirect, { name: '/r GET,HEAD', action: { kind: 'redirect', to: '/x{path}', status: 308 } });
  t.match(redirect?.http, { via: 'limpet' });
  t.same(respond?.action, { kind: 'respond', status: 200, body: 'no', headers: [['X-A', '1']] });
  t.match(exact, { name: 'a.example.com=/r', host: 'a.example.com', exact: true, retries: { attempts: 0 } });
});

t.test('an affinity cookie has its attributes, and a browser-session age by default', async (t) => {
  const cookie = (keys: string): unknown =>
    load(`${SHORTEST}affinity: { cookie: { secrets: ["\${S}"]${keys} } }\n`, { S: SECRET }).pools[0]?.affinity
      ?.cookie;
  t.same(cookie(''), {
    name: 'limpet',
    secrets: [SECRET],
    maxAgeS: null,
    path: '/',
    domain: null,
    sameSite: 'lax',
    secure: 'auto',
    httpOnly: true,
    partitioned: false,
    mode: 'insert',
    of: null,
    hide: true,
  });
  t.match(cookie(', maxAge: 8h, secure: true, sameSite: none, partitioned: true, domain: .example.com'), {
    maxAgeS: 28_800,
    secure: true,
    sameSite: 'none',
    partitioned: true,
    domain: 'example.com',
  });
  t.match(cookie(', mode: prefix, of: sid'), { mode: 'prefix', of: 'sid' });
});

t.test('homes by the session are read, short and long', async (t) => {
  const homes = (written: string) =>
    load(`${SHORTEST}
session: { verify: cookie-session, secrets: 0123456789abcdef-, user: id }
affinity: { session: ${written} }
`).pools[0]?.affinity;
  const usual = { by: 'session', learn: true, entries: 100_000, idleMs: 86_400_000 };
  t.match(homes('true'), { kind: 'session', cookie: null, learned: null, session: usual });
  t.same(homes('user')?.session, { ...usual, by: 'user' });
  t.same(homes('{}')?.session, usual);
  t.same(homes('{ by: user, learn: false, entries: 1M, idle: 2h }')?.session, {
    by: 'user',
    learn: false,
    entries: 1_000_000,
    idleMs: 7_200_000,
  });
});

t.test('whose sessions are watched is said by the pool, else by the session block before it', async (t) => {
  const watched = (text: string) => load(`${SHORTEST}${text}`).pools[0]?.continuity;
  const secrets = 'secrets: 0123456789abcdef-, user: id';
  const usual = { login: [], ignore: [], entries: 100_000, idleMs: 900_000 };
  t.equal(watched(''), null);
  t.same(watched('continuity: { cookie: sid }\n'), { cookie: 'sid', holds: 'id', ...usual });
  const inCookie = `session: { verify: cookie-session, ${secrets} }\n`;
  t.same(watched(inCookie), { cookie: 'session', holds: 'session', ...usual });
  const stored = `session: { verify: express-session, ${secrets}, store: "redis://127.0.0.1" }\n`;
  t.same(watched(stored), { cookie: 'connect.sid', holds: 'id', ...usual });
  t.same(
    watched(
      `${stored}continuity: { login: [/enter, "https://id.example/"], ignore: /wizard, entries: 1M, idle: 5m }\n`,
    ),
    {
      cookie: 'connect.sid',
      holds: 'id',
      login: ['/enter', 'https://id.example/'],
      ignore: ['/wizard'],
      entries: 1_000_000,
      idleMs: 300_000,
    },
  );
  t.match(watched(`${inCookie}continuity: { cookie: other }\n`), { cookie: 'other', holds: 'id' });
  t.match(watched(`${stored}continuity: { holds: session }\n`), { cookie: 'connect.sid', holds: 'session' });
  t.equal(watched(`${stored}continuity: false\n`), null);
});

t.test('balance, learned homes and health are read', async (t) => {
  const config = load(`${SHORTEST}
balance: { hash: { on: header X-User } }
affinity: { learned: { cookie: sid, entries: 1M }, onLost: fail, maxOverload: off }
health:
  active: { path: "/h?x=1", status: [200, 3xx], headers: { X-A: b }, port: 81 }
  suspicion: { after: 300ms }
  panic: 30%
`);
  const pool = config.pools[0];
  t.same(pool?.balance, { kind: 'hash', hash: { on: 'header', name: 'X-User' }, hashLoad: 1.25 });
  t.same(pool?.affinity, {
    kind: 'learned',
    cookie: null,
    learned: { cookie: 'sid', entries: 1_000_000, idleMs: 3_600_000 },
    session: null,
    onLost: 'fail',
    maxOverload: Number.POSITIVE_INFINITY,
  });
  t.match(pool?.health.active, {
    path: '/h?x=1',
    intervalMs: 2000,
    jitter: 0.2,
    status: [
      { from: 200, to: 200 },
      { from: 300, to: 399 },
    ],
    headers: [['X-A', 'b']],
    port: 81,
  });
  t.same(pool?.health.suspicion, { afterMs: 300, probeTimeoutMs: 100 });
  t.equal(pool?.health.panic, 0.3);
});

t.test('a block set to false is off', async (t) => {
  const config = load(`${SHORTEST}health: false\nlog: false\nadmin: false\nretries: false\n`);
  t.same(config.pools[0]?.health, { active: null, passive: null, suspicion: null, panic: 0 });
  t.same(config.log, { level: 'silent', access: null, format: 'auto', file: null });
  t.equal(config.admin, null);
  const passive = load(`${SHORTEST}health: { passive: false }\n`).pools[0]?.health;
  t.match(passive, { passive: null, suspicion: null });
});

t.test('the environment fills values in, with their types', async (t) => {
  const env = { PORT: '8081', WORKERS: '3', YES: 'true', HOST: 'app', NONE: '' };
  const text = `listen: \${PORT}
workers: \${WORKERS}
abortOnClose: \${YES}
log: { level: "\${LEVEL:-warn}" }
upstreams: [ "http://\${HOST}:\${NONE:-3000}" ]
errors: { 503: { text: "a $\${literal}" } }
`;
  const config = load(text, env);
  t.match(config.listeners, [{ bind: { port: 8081 } }]);
  t.equal(config.workers, 3);
  t.match(config.routes, [{ http: { abortOnClose: true } }]);
  t.equal(config.log.level, 'warn');
  t.match(config.pools[0]?.upstreams, [{ name: 'app:3000' }]);
  t.equal(config.errors['503']?.body, ['a $', '{literal}'].join(''));
});

t.test('secrets, certificates and pages come from files beside the config', async (t) => {
  const files = {
    'secret.txt': `${SECRET}\n`,
    'ca.pem': '-----BEGIN CERTIFICATE-----\nx\n',
    'c.pem': '-----BEGIN CERTIFICATE-----\nc\n',
    'k.pem': '-----BEGIN PRIVATE KEY-----\nk\n',
    '503.html': '<p>later</p>',
  };
  const text = `listen: 1
upstreams:
  - { url: "https://a", tls: { ca: ca.pem, cert: c.pem, key: k.pem, serverName: b.example } }
affinity: { cookie: { secrets: { file: secret.txt } } }
errors: { 503: 503.html, 5xx: { json: { error: [1, x] } } }
admin: { bind: 9090, tokens: [{ token: { file: secret.txt }, name: ops, access: read }] }
`;
  const config = load(text, {}, files);
  const pool = config.pools[0];
  t.same(pool?.affinity?.cookie?.secrets, [SECRET], 'without the line end');
  t.same(pool?.upstreams[0]?.tls, {
    verify: true,
    serverName: 'b.example',
    ca: files['ca.pem'],
    cert: files['c.pem'],
    key: files['k.pem'],
  });
  t.same(config.errors, {
    '503': { contentType: 'text/html; charset=utf-8', body: '<p>later</p>' },
    '5xx': { contentType: 'application/json', body: '{"error":[1,"x"]}' },
  });
  t.same(config.admin?.tokens, [{ name: 'ops', token: SECRET, access: 'read' }]);
});

t.test('anchors, a byte order mark, CRLF and JSON are fine', async (t) => {
  t.match(load('listen: 1\nupstreams: &u [http://a:1]\n').pools, [{ name: 'default' }]);
  const shared = load(
    'listen: 1\nroutes: [{ pool: a }, { path: /b, pool: b }]\npools:\n  a: { upstreams: &u [http://a:1] }\n  b: { upstreams: *u }\n',
  );
  t.match(shared.pools[1]?.upstreams, [{ name: 'a:1' }]);
  t.match(load(`\ufeff${SHORTEST.replaceAll('\n', '\r\n')}`).listeners, [{ bind: { port: 8080 } }]);
  t.match(load('{"listen": "127.0.0.1:0", "upstreams": ["http://a:1"]}').listeners, [{ bind: { port: 0 } }]);
});

t.test('a file is loaded with what stands beside it, and found where it is looked for', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-config-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  t.equal(findConfigFile(folder), null);
  const file = join(folder, 'limpet.yaml');
  writeFileSync(join(folder, 'page.txt'), 'later');
  writeFileSync(file, `${SHORTEST}errors: { 503: page.txt }\n`);
  t.equal(findConfigFile(folder), 'limpet.yaml');
  t.equal(loadConfig(file, {}).config?.errors['503']?.body, 'later');
  const missing = join(folder, 'missing.yaml');
  t.match(loadConfig(missing, {}), {
    config: null,
    problems: [{ line: 0, message: 'the file does not exist' }],
  });
  t.match(loadConfig(folder, {}), { config: null, problems: [{ message: 'the file is a folder' }] });
  writeFileSync(file, `#${'x'.repeat(1024 * 1024)}`);
  t.match(loadConfig(file, {}), {
    config: null,
    problems: [{ message: 'the file has more than 1048576 bytes' }],
  });
});
