// `limpet sessions`: what it asks of the admin API, what it prints of the answers, and what it tells whoever asks wrongly.
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { listenOn } from '../../src/admin/app.ts';
import { run } from '../../src/cli/sessions.ts';
import { LOOPBACK, makeAdmin } from '../admin/fake-view.ts';
import { freePort } from '../kit/ports.ts';

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function limpet(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  typed: string | null = null,
): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const code = await run([...args], {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    ...(typed === null ? {} : { stdin: async () => typed }),
    env,
    cwd: tmpdir(),
  });
  return { code, stdout, stderr };
}

interface Asked {
  readonly what: string;
  readonly body: unknown;
}

/** An admin API that answers each request with what `answer` says, and keeps what it was asked. */
async function startApi(
  t: Test,
  answer: (what: string) => readonly [status: number, body: unknown],
): Promise<{ at: string[]; asked: Asked[] }> {
  const asked: Asked[] = [];
  const text = async (request: IncomingMessage): Promise<string> => {
    let all = '';
    for await (const piece of request.setEncoding('utf8')) all += piece;
    return all;
  };
  const server = createServer(async (request, response) => {
    const what = `${request.method} ${request.url}`;
    const body = await text(request);
    asked.push({ what, body: body === '' ? null : JSON.parse(body) });
    const [status, told] = answer(what);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(told === null ? '' : JSON.stringify(told));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return { at: ['--admin', `http://127.0.0.1:${port}`], asked };
}

const RECORD = {
  id: 'u-1',
  kind: 'user',
  user: '42',
  block: false,
  before: null,
  at: '2026-01-31T12:00:00.000Z',
  until: '2026-02-01T12:00:00.000Z',
  by: 'ops',
  reason: 'lost phone',
};

t.test('the state of each block, and what continuity found, as tables and as JSON', async (t) => {
  const { app } = makeAdmin();
  const at = ['--admin', await listenOn(app, LOOPBACK)];
  t.teardown(() => app.close());
  const state = await limpet(at);
  t.same(state, {
    code: 0,
    stdout: `BLOCK    VERIFY           REQUIRE  VALID  ANONYMOUS  INVALID  UNKNOWN  HITS  REMEMBERED  STORE     PUSH  REVOCATIONS
members  express-session  login        3          0        1        0     2           1  redis up  up    -
`,
    stderr: '',
  });
  const [block] = JSON.parse((await limpet([...at, '--json'])).stdout);
  t.match(block, { name: 'members', checks: { valid: 3 }, push: { up: true } });
  const found = await limpet(['continuity', ...at]);
  t.same(found, {
    code: 0,
    stdout: `POOL  COOKIE  SESSIONS  REQUESTS  CHANGES  LOST AFTER ONE  LOST WITHOUT  SHARE
shop  sid           60     1,000       50              41             0  82%

pool shop depends on stickiness: 41 sessions were lost in 50 changes of instance
`,
    stderr: '',
  });
  const [pool] = JSON.parse((await limpet(['continuity', '--json', ...at])).stdout);
  t.match(pool, { pool: 'shop', finding: 'depends', resets: { moved: 41, same: 0 } });
});

t.test('what is empty is said, not shown as an empty table', async (t) => {
  const { at } = await startApi(t, (what) => [
    200,
    what.includes('revocations') ? { revocations: [], next: null } : [],
  ]);
  t.match(await limpet(at), { code: 0, stdout: /no session block/ });
  t.match(await limpet(['continuity', ...at]), { code: 0, stdout: /no pool is watched/ });
  t.match(await limpet(['list', ...at]), { code: 0, stdout: 'nothing is revoked\n' });
});

t.test('each way to revoke asks for just that', async (t) => {
  const { at, asked } = await startApi(t, () => [
    201,
    { ...RECORD, note: 'What says no time is ended too.' },
  ]);
  const body = async (...args: readonly string[]): Promise<unknown> => {
    t.equal((await limpet(['revoke', ...at, ...args], {}, 'typed-token')).code, 0, args.join(' '));
    return asked.at(-1)?.body;
  };
  t.same(await body('--id', 'abc'), { session: 'abc' });
  t.same(await body('--user', '42'), { user: '42' });
  t.same(await body('--user', '42', '--block', '--reason', 'lost phone', '--ttl', '2h'), {
    user: '42',
    block: true,
    reason: 'lost phone',
    ttl: '2h',
  });
  t.same(await body('--token', 'eyJ'), { token: 'eyJ' });
  t.same(await body('--token', '-'), { token: 'typed-token' });
  t.same(await body('--before', '2026-01-31T12:00:00Z'), { before: '2026-01-31T12:00:00.000Z' });
  const from = Date.now();
  const ago = (await body('--before', '-2h', '--user', '42')) as { before: string; user: string };
  t.equal(ago.user, '42');
  const soon = Date.parse(ago.before) + 7_200_000;
  t.ok(soon >= from && soon <= Date.now());
  t.ok(asked.every(({ what }) => what === 'POST /api/v1/revocations'));
  const told = await limpet(['revoke', ...at, '--user', '42']);
  t.equal(
    told.stdout,
    'revoked user 42 until 2026-02-01T12:00:00.000Z\nWhat says no time is ended too.\nlift it by: limpet sessions lift u-1\n',
  );
  t.match(JSON.parse((await limpet(['revoke', ...at, '--user', '42', '--json'])).stdout), RECORD);
});

t.test('a command line that means nothing is told before anything is asked', async (t) => {
  const { at, asked } = await startApi(t, () => [500, null]);
  for (const [args, wrong] of [
    [[], /say what to end, one thing at a time\n.*--id ID, --user ID/],
    [['--id', 'a', '--token', 'b'], /one thing at a time/],
    [['--id', 'a', '--user', 'b'], /one thing at a time/],
    [['--id', 'a', '--block'], /--block keeps a user out\n {2}would be right: --user ID --block/],
    [['--before', 'yesterday'], /--before: "yesterday" is no time\n {2}would be right: now, -2h, 2026/],
    [['--before', '2026-02-31T12:00:00Z'], /is no time/],
    [['--before', '-2'], /--before: .*2.* has no unit/],
    [['--token', '-'], /no token on stdin/],
  ] as const)
    t.match(await limpet(['revoke', ...at, ...args]), { code: 1, stdout: '', stderr: wrong });
  t.match(await limpet(['lift', ...at]), { code: 1, stderr: /one id of a revocation is needed/ });
  t.match(await limpet(['list', '--limit', 'many', ...at]), { code: 1, stderr: /--limit: / });
  t.match(await limpet(['lits', ...at]), {
    code: 1,
    stderr: /no "lits" of sessions\n.*limpet sessions list/,
  });
  t.match(await limpet(['--admin', 'here']), { code: 1, stderr: /--admin "here" is no address/ });
  t.same(asked, []);
  t.match(await limpet(['list', '--user', '42']), {
    code: 1,
    stderr:
      "limpet sessions list: Unknown option '--user'\n  would be right: see `limpet sessions list --help`\n",
  });
  // What parseArgs says beside its first sentence is for another reader.
  t.match(await limpet(['revoke', '--user', '--block']), {
    code: 1,
    stderr: /^limpet sessions revoke: Option '--user' argument is ambiguous\n {2}would be right: .*\n$/,
  });
});

t.test('revocations are listed page by page, and what they hold moves no cursor', async (t) => {
  const { at, asked } = await startApi(t, (what) => {
    const first = { ...RECORD, reason: 'a\u001b[2Jb' };
    const second = {
      ...RECORD,
      id: 'p-2',
      kind: 'before',
      user: null,
      before: '2026-01-01T00:00:00.000Z',
      reason: '',
    };
    const third = { ...RECORD, id: 's-3', kind: 'session', user: null, reason: '' };
    // Given back to a Redis that had lost it: his name is not known any more.
    const last = { ...RECORD, id: 'u-4', user: null, block: true, reason: '' };
    if (what.includes('after=')) return [200, { revocations: [third, last], next: null }];
    return [200, { revocations: [first, second], next: 'p-2' }];
  });
  const { code, stdout } = await limpet(['list', ...at]);
  t.equal(code, 0);
  const lines = stdout.split('\n');
  t.match(lines[0], /^ID {3}WHAT +SINCE +UNTIL +BY +REASON$/);
  t.match(lines[1], /^u-1 {2}user 42 .* ops {2}a\\u\{1b\}\[2Jb$/);
  t.match(lines[2], /^p-2 {2}all issued before 2026-01-01T00:00:00.000Z /);
  t.match(lines[3], /^s-3 {2}a session /);
  t.match(lines[4], /^u-4 {2}a user \(kept out\) /);
  t.same(
    asked.map(({ what }) => what),
    ['GET /api/v1/revocations?limit=100', 'GET /api/v1/revocations?limit=98&after=p-2'],
  );
  const some = await limpet(['list', '--limit', '2', ...at]);
  t.match(some.stdout, /and more: --limit says how many are told\n$/);
});

t.test(
  'a revocation is lifted by its id, and one that is not there is told in the words of the API',
  async (t) => {
    const { at, asked } = await startApi(t, (what) =>
      what.endsWith('u-1')
        ? [204, null]
        : [404, { error: { code: 'revocation.unknown', message: 'There is no revocation of this id.' } }],
    );
    t.same(await limpet(['lift', 'u-1', ...at]), { code: 0, stdout: 'lifted u-1\n', stderr: '' });
    t.same(await limpet(['lift', 'a/b', ...at]), {
      code: 1,
      stdout: '',
      stderr:
        'limpet sessions lift: the admin API answers DELETE /api/v1/revocations/a%2Fb with 404: There is no revocation of this id. (revocation.unknown)\n',
    });
    t.equal(asked[0]?.what, 'DELETE /api/v1/revocations/u-1');
  },
);

t.test('an admin API that is away, is another server’s, or wants a token', async (t) => {
  const port = await freePort();
  t.same(await limpet(['--admin', `http://127.0.0.1:${port}`]), {
    code: 1,
    stdout: '',
    stderr: `limpet sessions: http://127.0.0.1:${port} does not answer: ECONNREFUSED\n  would be right: a Limpet that runs, and the address of its \`admin.bind\` in --admin\n`,
  });
  const { app } = makeAdmin(LOOPBACK, [{ name: 'ops', token: 'sesame-open-sesame', access: 'full' }]);
  const url = await listenOn(app, LOOPBACK);
  t.teardown(() => app.close());
  t.match(await limpet(['--admin', url]), {
    code: 1,
    stderr:
      /the admin API refuses GET \/api\/v1\/sessions: .*\n {2}would be right: its token in LIMPET_ADMIN_TOKEN\n/,
  });
  t.match(await limpet(['--admin', url], { LIMPET_ADMIN_TOKEN: 'sesame-open-sesame' }), { code: 0 });
  const stranger = createServer((_request, response) => response.end('<p>welcome</p>'));
  stranger.listen(0, '127.0.0.1');
  await once(stranger, 'listening');
  t.teardown(() => stranger.close());
  const { port: other } = stranger.address() as AddressInfo; // it listens on TCP
  t.match(await limpet(['--admin', `http://127.0.0.1:${other}`]), {
    code: 1,
    stderr: /is not the admin API of a Limpet/,
  });
});

t.test('an admin API on a unix socket is reached', async (t) => {
  const { app } = makeAdmin();
  const path = join(t.testdir(), 'admin.sock');
  await app.listen({ path });
  t.teardown(() => app.close());
  t.match(await limpet(['--admin', `unix:${path}`]), { code: 0, stdout: /^BLOCK .*\nmembers / });
});

t.test('the help of each', async (t) => {
  for (const words of [[], ['revoke'], ['list'], ['lift'], ['continuity']]) {
    const { code, stdout } = await limpet([...words, '--help']);
    t.equal(code, 0);
    t.match(stdout, /^limpet sessions/);
    t.ok(stdout.split('\n').every((line) => line.length <= 125));
  }
});
