// What `limpet explain` says of a request: route, home, choice and refusal, by the parts that the running proxy uses.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { CookieAffinity } from '../../src/affinity/cookie-affinity.ts';
import { ByteWriter, latin1Text } from '../../src/base/byte-writer.ts';
import { RandomBytes, systemRandom } from '../../src/base/random.ts';
import { run } from '../../src/cli/explain.ts';
import { loadConfig } from '../../src/config/load.ts';

const SECRET = 'a secret of sixteen or more';
const folder = mkdtempSync(join(tmpdir(), 'limpet-explain-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'limpet.yaml');
writeFileSync(
  file,
  `listen: 8080
routes:
  - { path: /, pool: app }
  - { path: /api, pool: app, methods: [GET], rewrite: { stripPrefix: /api } }
  - { path: = /old, redirect: { to: /new } }
  - { host: other.example, path: /only, pool: app, methods: [POST] }
pools:
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
  t.match(out, /\/api is taken off the path/);
  t.match(out, /one of one, two/);
});

t.test('a genuine cookie names the home, a forged one is told as such, and neither is printed', async (t) => {
  const config = loadConfig(file, {}).config;
  const options = config?.pools[0]?.affinity?.cookie;
  if (options == null) throw new Error('the config has affinity');
  const affinity = new CookieAffinity(options, 'app', ['one', 'two'], Date.now());
  const line = new ByteWriter();
  affinity.draw(new RandomBytes());
  affinity.write(line, 1, systemRandom().below(1000), 7, false);
  const cookie = /limpet=([^;]+)/.exec(latin1Text(line.bytes, 0, line.length))?.[1] ?? '';
  const known = await ask('GET', '/', '-H', `Cookie: a=b; limpet=${cookie}`);
  t.match(known.out, /choice {3}two: the user lives there/);
  t.notOk(known.out.includes(cookie));
  const forged = await ask('GET', '/', '-H', `Cookie: limpet=${cookie.slice(0, -3)}AAA`.replace('.', 'x.'));
  t.match(forged.out, /is not one of ours/);
  t.notOk(`${known.out}${forged.out}`.includes(SECRET));
});

t.test('what Limpet answers itself is told with its status', async (t) => {
  t.match((await ask('GET', '/old')).out, /308 to \/new/);
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
  t.match((await ask('GET', '/', '-H', 'nonsense')).err, /would be right: -H 'Name: value'/);
});
