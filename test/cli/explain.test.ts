// What `limpet explain` says of a request: route, home, choice and refusal, by the parts that the running proxy uses.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { CookieAffinity } from '../../src/affinity/cookie-affinity.ts';
import { ByteWriter, latin1Text } from '../../src/base/byte-writer.ts';
import { RandomBytes } from '../../src/base/random.ts';
import { run } from '../../src/cli/explain.ts';
import { loadConfig } from '../../src/config/load.ts';

const SECRET = 'a secret of sixteen or more';
const BEARER = 'Bearer for-the-app-alone';
const folder = mkdtempSync(join(tmpdir(), 'limpet-explain-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'limpet.yaml');
for (const list of ['abusers.txt', 'staff.txt']) writeFileSync(join(folder, list), '192.0.2.1\n');
writeFileSync(
  file,
  `listen: 8080
trustedProxies: [127.0.0.1]
routes:
  - { path: /, pool: app }
  - { path: /api, pool: app, methods: [GET], rewrite: { stripPrefix: /api }, headers: { request: { set: { Authorization: "${BEARER}" } } } }
  - { path: = /old, redirect: { to: /new } }
  - { host: hash.example, path: /, pool: hash }
  - { host: away.example, path: /, pool: away }
  - { host: strict.example, path: /, pool: strict }
  - { host: stays.example, path: /, pool: stays }
  - { host: near.example, path: /, pool: near }
  - { host: lists.example, path: /, pool: app, deny: { file: abusers.txt } }
  - { host: lists.example, path: /staff, pool: app, allow: { file: staff.txt } }
  - { host: other.example, path: /only, pool: app, methods: [POST] }
pools:
  hash:
    upstreams: [{ name: a, url: http://127.0.0.1:3003 }, { name: b, url: http://127.0.0.1:3004 }]
    balance: { hash: { on: header X-User } }
  away: { upstreams: [{ url: http://127.0.0.1:3005, wanted: maintenance }] }
  stays:
    upstreams: [{ name: out, url: http://127.0.0.1:3008, wanted: maintenance }, { name: in, url: http://127.0.0.1:3009 }]
    affinity: { cookie: { name: stays, secrets: ["${SECRET}"] }, onLost: fail }
  near:
    upstreams: [{ name: east, url: http://127.0.0.1:3010 }, { name: west, url: http://127.0.0.1:3011 }]
    balance: { hash: { on: address } }
  strict:
    upstreams: [{ name: left, url: http://127.0.0.1:3006, wanted: drain }, { name: right, url: http://127.0.0.1:3007 }]
    affinity: { cookie: { name: home, secrets: ["${SECRET}"] } }
  app:
    upstreams: [{ name: one, url: http://127.0.0.1:3001 }, { name: two, url: http://127.0.0.1:3002 }]
    affinity: { cookie: { secrets: ["${SECRET}"] } }
`,
);

async function ask(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await run(['-c', file, ...argv], {
    stdout: (text) => {
      out += text;
    },
    stderr: (text) => {
      err += text;
    },
    env: {},
    cwd: folder,
  });
  return { code, out, err };
}

t.test('the route is told with its reason, the rewrite and the candidates', async (t) => {
  const { code, out } = await ask('GET', 'http://shop.example/api/x?q=1');
  t.equal(code, 0);
  t.match(out, /route {4}.*paths under \/api, GET/);
  t.match(out, /route {4}next best: \/$/m);
  t.match(out, /the upstream sees \/x\?q=1/);
  t.match(out, /any of one, two/);
});

t.test('what the upstream would get is told by names, and no value of a field is', async (t) => {
  const { out } = await ask(
    'GET',
    'http://shop.example/api/x',
    ...['-H', 'Limpet-User: root', '-H', 'X-Forwarded-For: 203.0.113.9', '-H', 'X-Own: mine'],
    '--json',
  );
  const told = JSON.parse(out);
  t.same(told.fields.removed, ['Limpet-User']);
  t.same(told.fields.replaced, ['X-Forwarded-For']);
  t.ok(told.fields.added.includes('Authorization') && told.fields.added.includes('X-Forwarded-Prefix'));
  t.match(told, { listener: '0.0.0.0:8080', route: '/api GET', nextBest: '/', target: '/x', retries: 2 });
  t.equal(told.timeouts.responseMs, 60_000);
  t.notMatch(out, new RegExp(`${BEARER}|root|203\\.0|mine`));
});

t.test('a hash is told where it leads, and where it cannot know', async (t) => {
  const choice = async (...argv: string[]) => JSON.parse((await ask(...argv, '--json')).out).choice;
  const first = await choice('GET', 'http://hash.example/', '-H', 'X-User: 7');
  t.match(first, /^(a|b)$/);
  t.equal(await choice('GET', 'http://hash.example/other', '-H', 'x-user: 7'), first, 'the same every time');
  const users = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12'];
  const all = await Promise.all(
    users.map((user) => choice('GET', 'http://hash.example/', '-H', `X-User: ${user}`)),
  );
  t.equal(new Set(all).size, 2, 'but not for everybody');
  t.equal(await choice('GET', 'http://hash.example/'), null);
});

t.test('files of addresses count as they are at this moment', async (t) => {
  const from = async (path: string, address: string): Promise<string> => {
    const { code, out } = await ask(
      'GET',
      `http://lists.example${path}`,
      '-H',
      `X-Forwarded-For: ${address}`,
    );
    return code === 0 ? 'forwarded' : (/access\.denied/.exec(out)?.[0] ?? out);
  };
  t.equal(await from('/', '203.0.113.9'), 'forwarded');
  t.equal(await from('/staff', '198.51.100.7'), 'access.denied');
  writeFileSync(join(folder, 'abusers.txt'), '# of this week\n203.0.113.0/24\n');
  writeFileSync(join(folder, 'staff.txt'), '198.51.100.7\n');
  t.equal(await from('/', '203.0.113.9'), 'access.denied');
  t.equal(await from('/', '198.51.100.7'), 'forwarded');
  t.equal(await from('/staff', '198.51.100.7'), 'forwarded');
  t.equal(await from('/staff', '198.51.100.8'), 'access.denied');
});

t.test('upstreams that take no new users are told with the reason', async (t) => {
  const { code, out } = await ask('GET', 'http://away.example/');
  t.equal(code, 1);
  t.match(out, /no candidate: 127\.0\.0\.1:3005, wanted maintenance/);
  t.match(out, /answer {3}503 pool\.maintenance/);
});

/** A cookie as the running proxy sets it for a user of the upstream at `position`. */
function cookieFor(pool: string, names: readonly string[], position: number): string {
  const options = loadConfig(file, {}).config?.pools.find(({ name }) => name === pool)?.affinity?.cookie;
  if (options == null) throw new Error('the config has affinity');
  const affinity = new CookieAffinity(options, pool, names, Date.now());
  const line = new ByteWriter();
  affinity.draw(new RandomBytes());
  affinity.write(line, position, affinity.nonceHi, affinity.nonceLo, false);
  return /Set-Cookie: ([^;]+)/.exec(latin1Text(line.bytes, 0, line.length))?.[1] ?? '';
}

t.test('a genuine cookie names the home, a forged one is told as such, and neither is printed', async (t) => {
  const cookie = cookieFor('app', ['one', 'two'], 1);
  const known = await ask('GET', '/', '-H', `Cookie: a=b; ${cookie}`);
  t.match(known.out, /affinity cookie limpet names two, which serves/);
  t.match(known.out, /choice {3}two: the user lives there/);
  const value = cookie.slice('limpet='.length);
  t.ok(value.length > 20 && !known.out.includes(value));
  const forged = await ask('GET', '/', '-H', `Cookie: limpet=x${value.slice(1)}`);
  t.match(forged.out, /is not one of ours/);
  t.notOk(`${known.out}${forged.out}`.includes(SECRET));
  t.match((await ask('GET', '/')).out, /no cookie limpet: a new user; the answer sets it/);
});

t.test('a draining home keeps its user, and one that left loses him', async (t) => {
  const stays = await ask(
    'GET',
    'http://strict.example/',
    '-H',
    `Cookie: ${cookieFor('strict', ['left'], 0)}`,
  );
  t.match(stays.out, /choice {3}left: the user lives there/);
  const gone = await ask(
    'GET',
    'http://strict.example/',
    '-H',
    `Cookie: ${cookieFor('strict', ['gone'], 0)}`,
  );
  t.match(gone.out, /upstream \(which left the pool\) cannot serve: the user moves/);
  t.match(gone.out, /choice {3}right: chosen by the user's own number/);
});

t.test('a pool that moves nobody says so, and only to those whose home is lost', async (t) => {
  const cookie = `Cookie: ${cookieFor('stays', ['out', 'in'], 0)}`;
  const lost = await ask('GET', 'http://stays.example/', '-H', cookie, '--json');
  t.equal(lost.code, 1);
  t.match(JSON.parse(lost.out), { status: 503, code: 'affinity.lost', affinity: 'lost', choice: null });
  const fresh = JSON.parse((await ask('GET', 'http://stays.example/', '--json')).out);
  t.match(fresh, { ok: true, affinity: 'new', choice: 'in', candidates: ['in'] });
  t.equal(JSON.parse((await ask('GET', 'http://away.example/', '--json')).out).affinity, null);
});

t.test('the hash of an address is told once the address is known', async (t) => {
  const choice = async (...argv: string[]) =>
    JSON.parse((await ask('GET', 'http://near.example/', ...argv, '--json')).out).choice;
  t.equal(await choice(), null, 'of the real client nothing is known');
  t.match(await choice('-H', 'X-Forwarded-For: 203.0.113.9'), /^(east|west)$/);
});

t.test('what Limpet answers itself is told with its status', async (t) => {
  const old = await ask('GET', '/old');
  t.equal(old.code, 0);
  t.match(old.out, /308 to \/new/);
  const asterisk = await ask('OPTIONS', '*', '--json');
  t.match(JSON.parse(asterisk.out), { ok: true, status: 204, route: null });
  t.match((await ask('TRACE', '/')).out, /405 request\.method\.trace/);
  t.equal((await ask('DELETE', 'http://other.example/only')).code, 0, 'the route for any host takes it');
  const none = await ask('GET', 'http://other.example/only');
  t.match(none.out, /paths under \/,/, 'a shorter route takes the method that the longer one refuses');
  const refused = await ask('GET', '/a%00b', '--json');
  t.equal(refused.code, 1);
  t.match(JSON.parse(refused.out), { ok: false, status: 400, code: 'request.target.nul' });
  t.match(JSON.parse((await ask('GET', '/x/..%2fapi', '--json')).out), { code: 'request.target.ambiguous' });
});

t.test('a command line that means nothing says what would be right', async (t) => {
  const { code, err } = await ask('GET');
  t.equal(code, 1);
  t.match(err, /would be right: limpet explain GET http:\/\/localhost\//);
  t.match((await ask('GET', '/a\r\nX-More: 1')).err, /a line break would begin another field/);
  t.match((await ask('GET', '/', '-H', 'nonsense')).err, /would be right: -H 'Name: value'/);
});
