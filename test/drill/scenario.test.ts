// A scenario is read from a file and from options alike, and every mistake in either is told at its place, with what would be right.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the file itself.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { formatProblems } from '../../src/config/print.ts';
import type { Scenario } from '../../src/drill/plan.ts';
import { readScenario, type TypedOptions } from '../../src/drill/scenario.ts';

const folder = mkdtempSync(join(tmpdir(), 'limpet-scenario-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const URL_HERE = 'http://127.0.0.1:8080';

/** The scenario, or what is printed of its problems. */
function read(options: TypedOptions, yaml?: string, env: NodeJS.ProcessEnv = {}): Scenario | string {
  const path = join(folder, 'drill.yaml');
  if (yaml !== undefined) writeFileSync(path, yaml);
  const { scenario, problems } = readScenario(
    options,
    yaml === undefined ? null : { name: 'drill.yaml', path },
    env,
  );
  return scenario ?? formatProblems(problems, { color: false });
}

t.test('a URL alone is a scenario, with the defaults that the help tells', async (t) => {
  const scenario = read({ target: URL_HERE });
  t.match(scenario, {
    rate: 200,
    users: 50,
    durationMs: 15_000,
    timeoutMs: 10_000,
    atMs: 3000,
    forMs: 4000,
    writeShare: 0.1,
    ok: [{ from: 200, to: 399 }],
    limits: { failed: 0, p99Ms: null, moved: null, lost: null, twice: null },
  });
  t.match(scenario, { requests: null, login: null, event: null, harmed: null, admin: null, ledgers: null });
});

t.test('every key may stand in a file, and an option stands over it', async (t) => {
  const yaml = `
target: http://localhost:8080
rate: 1k
users: 20
duration: 20s
timeout: 2s
request: ["GET /me", 'POST /orders {"id":"{id}"}']
writes: 25%
header: "Accept: application/json"
ok: [2xx, 404]
login: POST /login user={user}
loggedOut: json:user=null
instance: header:x-instance
handled: json:times
ledger: [file:/tmp/ledger, "http://[::1]:8080/ledger"]
hang: pid:4000
at: 1s
for: 500ms
undo: "true"
harmed: [web-1]
admin: http://127.0.0.1:9090
maxFailed: 1
maxP99: 200ms
maxMoved: 2
maxLost: 3
maxTwice: 4
`;
  t.match(read({}, yaml), {
    rate: 1000,
    users: 20,
    durationMs: 20_000,
    timeoutMs: 2000,
    requests: [
      { method: 'GET', path: '/me' },
      { method: 'POST', safe: false },
    ],
    writeShare: 0.25,
    headers: [['Accept', 'application/json']],
    ok: [
      { from: 200, to: 299 },
      { from: 404, to: 404 },
    ],
    login: { path: '/login', body: 'user={user}' },
    loggedOut: [{ text: 'json:user=null' }],
    instance: { text: 'header:x-instance' },
    handled: { text: 'json:times' },
    ledgers: [{ file: '/tmp/ledger' }, { url: new URL('http://[::1]:8080/ledger') }],
    event: { kind: 'hang', victim: { by: 'pid', pid: 4000 }, text: 'hang pid:4000', undo: 'true' },
    atMs: 1000,
    forMs: 500,
    harmed: ['web-1'],
    admin: new URL('http://127.0.0.1:9090'),
    limits: { failed: 1, p99Ms: 200, moved: 2, lost: 3, twice: 4 },
  });
  t.match(read({ rate: '5', request: ['GET /other'], writes: '0%', target: URL_HERE, maxP99: '1s' }, yaml), {
    rate: 5,
    users: 20,
    requests: [{ path: '/other' }],
    limits: { p99Ms: 1000, moved: 2 },
  });
});

t.test('a path in the URL is what is asked for', async (t) => {
  t.match(read({ target: `${URL_HERE}/me?a=b` }), { requests: [{ method: 'GET', path: '/me?a=b' }] });
});

t.test('`harmed: none` is nobody', async (t) => {
  t.match(read({ target: URL_HERE, kill: 'pid:4000', harmed: ['none'] }), { harmed: [] });
});

t.test('a ${NAME} is filled in from the environment in a file, and means itself in an option', async (t) => {
  const env = { PASSWORD: 'sesame-street' };
  t.match(read({ target: URL_HERE }, 'login: POST /login user={user}&password=${PASSWORD}', env), {
    login: { body: 'user={user}&password=sesame-street' },
  });
  t.match(read({ target: URL_HERE, kill: 'run:kill ${PID}' }), {
    event: { victim: { command: 'kill ${PID}' } },
  });
});

const MISTAKES: readonly (readonly [what: string, options: TypedOptions, said: RegExp])[] = [
  [
    'no URL',
    {},
    /^limpet drill: error: URL: the URL of a proxy is missing\n {2}would be right: limpet drill http/,
  ],
  ['no URL at all', { target: 'here' }, /URL: "here" is not a URL/],
  ['another scheme', { target: 'ftp://127.0.0.1' }, /URL: .* is not a URL of http or https/],
  ['a password', { target: 'http://a:b@127.0.0.1' }, /no user or password/],
  [
    'another host',
    { target: 'http://10.1.2.3:80' },
    /"10.1.2.3" is not this machine[\s\S]*--yes-this-host 10.1.2.3/,
  ],
  [
    'yes to a third host',
    { target: 'http://10.1.2.3', yesThisHost: ['10.1.2.4'] },
    /"10.1.2.3" is not this machine/,
  ],
  [
    'a name below the named one',
    { target: 'http://a.b.example', yesThisHost: ['b.example'] },
    /is not this machine/,
  ],
  ['every host', { target: 'http://a.b.example', yesThisHost: ['*.b.example'] }, /is not this machine/],
  [
    'an admin API elsewhere',
    { target: URL_HERE, admin: 'http://10.1.2.3:9090' },
    /--admin: "10.1.2.3" is not this machine/,
  ],
  [
    'a ledger elsewhere',
    { target: URL_HERE, ledger: ['http://10.1.2.3/l'] },
    /--ledger: "10.1.2.3" is not this machine/,
  ],
  ['a ledger that is none', { target: URL_HERE, ledger: ['/var/log/x'] }, /--ledger: .*\n.*file:\/var\/log/],
  ['a rate beyond the bound', { target: URL_HERE, rate: '3000' }, /--rate: "3000" is more than 2000/],
  ['a duration without a unit', { target: URL_HERE, duration: '20' }, /--duration: "20" has no unit\n.*20s/],
  ['two events', { target: URL_HERE, kill: 'pid:4000', hang: 'pid:4000' }, /--hang: there is kill already/],
  [
    'an event of an unknown kind',
    { target: URL_HERE, kill: 'bill:1' },
    /--kill: "bill:1" is nothing.*\n.*pid:N, port:N/,
  ],
  [
    'an event that cannot be',
    { target: URL_HERE, drain: 'pid:1' },
    /--drain: "pid:1" names no upstream\n.*POOL\/NAME/,
  ],
  [
    'slow by signal',
    { target: URL_HERE, slow: 'pid:4000' },
    /--slow: slow cannot be done to pid:N\n.*run:COMMAND/,
  ],
  ['init', { target: URL_HERE, kill: 'pid:1' }, /--kill: the process 1 is not one to be harmed/],
  ['the drill itself', { target: URL_HERE, kill: `pid:${process.pid}` }, /is not one to be harmed/],
  [
    'a container like an option',
    { target: URL_HERE, kill: 'container:--all' },
    /is not the name of a container/,
  ],
  ['no command', { target: URL_HERE, restart: 'run:' }, /--restart: there is no command/],
  [
    'an event that outlasts the load',
    { target: URL_HERE, kill: 'pid:4000', for: '20s' },
    /--for: the event ends 23s after/,
  ],
  ['undo without an event', { target: URL_HERE, undo: 'true' }, /--undo: there is no event/],
  [
    'a path twice',
    { target: `${URL_HERE}/a`, request: ['GET /b'] },
    /URL: the URL has a path, and so have the requests/,
  ],
  [
    'writes without any',
    { target: URL_HERE, request: ['GET /b'], writes: '5%' },
    /--writes: no request is a write/,
  ],
  [
    'a request that is none',
    { target: URL_HERE, request: ['GET /', 'me'] },
    /--request: "me" is not a request/,
  ],
  ['a place that is none', { target: URL_HERE, instance: 'x-instance' }, /--instance: .*\n.*header:NAME/],
  [
    'a field of the drill’s own',
    { target: URL_HERE, header: ['Cookie: a=b'] },
    /--header: the drill itself says/,
  ],
  [
    'a line break in a field',
    { target: URL_HERE, header: ['A: b\r\nC: d'] },
    /--header: a field value has no control/,
  ],
];

for (const [what, options, said] of MISTAKES) {
  t.test(`${what} is told`, async (t) => t.match(read(options), said));
}

t.test('a host that is named may be asked, and loopback always', async (t) => {
  t.type(read({ target: 'http://Shop.example:80', yesThisHost: ['shop.example'] }), 'object');
  t.type(read({ target: 'http://[::1]:80' }), 'object');
  t.type(read({ target: 'http://127.8.9.1:80' }), 'object');
});

t.test('what is wrong in a file is told with line, column and caret; each mistake once', async (t) => {
  const said = read({ target: URL_HERE }, 'rate: 20\nuser: 5\nmaxP99: 5\nkill: pod:1\n');
  t.equal(
    said,
    `drill.yaml:2:1: error: unknown key "user"
  user: 5
  ^^^^
  would be right: users
drill.yaml:3:9: error: maxP99: "5" has no unit
  maxP99: 5
          ^
  would be right: 5s
`,
  );
  t.match(
    read({ target: URL_HERE }, 'at: 1s\nkill: pod:1\nrequest:\n  - GET /\n  - GET me\n'),
    /^drill.yaml:2:7: error: kill: "pod:1" is nothing[\s\S]*drill.yaml:5:5: error: request\[1\]: "me" is not a path/,
  );
});

t.test('a file that is missing, empty or no YAML is told', async (t) => {
  const gone = readScenario({ target: URL_HERE }, { name: 'gone.yaml', path: join(folder, 'gone.yaml') }, {});
  t.match(gone.problems, [{ file: 'gone.yaml', message: 'the file does not exist' }]);
  t.match(read({ target: URL_HERE }, ''), /drill.yaml: error: the file is empty/);
  t.match(read({ target: URL_HERE }, 'a: [1'), /drill.yaml:1:/);
  t.match(read({ target: URL_HERE }, '[1]'), /drill.yaml:1:1: error: a list cannot stand here/);
});
