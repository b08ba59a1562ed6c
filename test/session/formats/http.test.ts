// A session service that is asked over HTTP: what is sent, how its answers are judged, and a service that misbehaves.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import t from 'tap';
import type { SessionFormat } from '../../../src/session/format.ts';
import { defaultOptions } from '../../../src/session/format-options.ts';
import { http } from '../../../src/session/formats/http.ts';
import { StoreFault, type StoreReader } from '../../../src/session/store.ts';
import type { Finding } from '../../../src/session/verdict.ts';
import type { Owner } from '../../kit/child.ts';
import { freePort } from '../../kit/ports.ts';
import { garbageServer, openTestStore, tcpServer } from '../../kit/store-drill.ts';

type Options = Parameters<typeof http.build>[0]['options'];

function format(options: Partial<Options> = {}, user: readonly string[] = ['user', 'id']): SessionFormat {
  return http.build({
    cookie: 'sid',
    secrets: [],
    user,
    store: 'http',
    prefix: null,
    table: null,
    options: { ...defaultOptions(http.options), ...options },
  });
}

async function service(
  owner: Owner,
  serve: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const port = await freePort();
  // The gate's own look at the service names no session, and is of no interest here.
  const server = createServer((request, response) => {
    if (request.headers.cookie === undefined && request.headers.authorization === undefined) response.end();
    else serve(request, response);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  owner.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${port}/session?who=me`;
}

async function judge(
  checked: SessionFormat,
  store: StoreReader,
  cookies: string,
  authorization: string | null = null,
): Promise<string> {
  const read = checked.read({ cookies, authorization, userAgent: null, clientAddress: '::1' }, 0);
  let finding: Finding;
  try {
    finding = 'check' in read ? await read.check(store, 0) : read;
  } catch (error) {
    if (error instanceof StoreFault) return `fault ${error.kind}`;
    throw error;
  }
  const { verdict, user, reason } = finding;
  return verdict === 'valid' ? `valid ${typeof user} ${user}` : `${verdict} ${reason}`;
}

t.test(
  'the service is sent the session cookie and Authorization, and nothing else of the client',
  async (t) => {
    const seen: object[] = [];
    const url = await service(t, ({ method, url, headers }, response) => {
      seen.push({ method, url, cookie: headers.cookie, authorization: headers.authorization });
      response.end('{"user":{"id":7}}');
    });
    const store = await openTestStore(t, url);
    t.equal(await judge(format(), store, 'a=1; sid=x%20y; b="q"; sid="z"', 'Bearer t'), 'valid number 7');
    t.equal(await judge(format({ authorization: false }), store, 'sid=2', 'Bearer t'), 'valid number 7');
    t.equal(await judge(format({ cookies: ['b', 'a'] }), store, 'a=1; sid=2; b=3'), 'valid number 7');
    t.equal(await judge(format({ cookies: ['*'] }), store, 'a="1;2"; c'), 'valid number 7');
    const common = { method: 'GET', url: '/session?who=me' };
    t.match(seen, [
      { ...common, cookie: 'sid=x%20y; sid="z"', authorization: 'Bearer t' },
      { ...common, cookie: 'sid=2', authorization: undefined },
      { ...common, cookie: 'a=1; b=3' },
      { ...common, cookie: 'a="1;2"; c' },
    ]);
  },
);

t.test('what the verdict depends on is its identity', async (t) => {
  const identity = (cookies: string, authorization: string | null): string => {
    const read = format().read({ cookies, authorization, userAgent: null, clientAddress: '' }, 0);
    return 'check' in read ? read.identity : 'none';
  };
  t.equal(identity('sid=1; other=2', null), identity('other=3;sid=1', null));
  t.not(identity('sid=1', null), identity('sid=1', 'Bearer 1'));
  t.not(identity('sid=1', null), identity('sid=2', null));
});

t.test('a request without a session, or with a broken one, is not asked about', async (t) => {
  const store: StoreReader = { get: () => t.fail('it was asked') as never };
  t.equal(await judge(format(), store, ''), 'invalid credential.none');
  t.equal(await judge(format(), store, 'other=1'), 'invalid credential.none');
  t.equal(await judge(format(), store, `sid=${'.'.repeat(8192)}`), 'invalid credential.too-long');
  t.equal(await judge(format(), store, 'sid=a\0b'), 'invalid credential.malformed');
  t.equal(await judge(format(), store, 'a="x; sid=1; b=y"'), 'unknown credential.ambiguous');
});

t.test('each answer is judged by its status and by whom it names', async (t) => {
  const answers: Record<string, [number, string, Record<string, string>?]> = {
    text: [200, '{"user":{"id":"u1"}}'],
    nobody: [200, '{"user":null}'],
    empty: [204, ''],
    null: [200, 'null'],
    proto: [200, '{}'],
    garbage: [200, '<html>'],
    word: [200, '"u1"'],
    refused: [401, ''],
    forbidden: [403, ''],
    login: [302, '', { location: 'https://id.example/login' }],
    moved: [301, '', { location: 'https://id.example/' }],
    missing: [404, '{"user":{"id":"u1"}}'],
    broken: [500, '{"user":{"id":"u1"}}'],
    limited: [429, ''],
    long: [200, `{"user":{"id":1},"x":"${'x'.repeat(65_536)}"}`],
    header: [200, '', { 'remote-user': 'u2' }],
  };
  const url = await service(t, ({ headers }, response) => {
    const [status, body, fields = {}] = answers[headers.cookie!.slice(4)]!;
    response.writeHead(status, fields).end(body);
  });
  const store = await openTestStore(t, url);
  const verdicts: Record<string, string> = {};
  for (const name of Object.keys(answers)) verdicts[name] = await judge(format(), store, `sid=${name}`);
  t.same(verdicts, {
    text: 'valid string u1',
    nobody: 'anonymous user.none',
    empty: 'anonymous user.none',
    null: 'anonymous user.none',
    proto: 'anonymous user.none',
    garbage: 'unknown store.malformed',
    word: 'unknown store.malformed',
    refused: 'invalid store.none',
    forbidden: 'invalid store.none',
    login: 'invalid store.none',
    moved: 'unknown store.malformed',
    missing: 'unknown store.malformed',
    broken: 'fault down',
    limited: 'fault down',
    long: 'fault malformed',
    header: 'anonymous user.none',
  });
  t.equal(await judge(format({}, ['constructor', 'name']), store, 'sid=proto'), 'anonymous user.none');
  const byHeader = format({ userHeader: 'Remote-User' });
  t.equal(await judge(byHeader, store, 'sid=header'), 'valid string u2');
  t.equal(await judge(byHeader, store, 'sid=text'), 'anonymous user.none');
});

t.test('connections are kept', async (t) => {
  const sockets = new Set<unknown>();
  const url = await service(t, ({ socket }, response) => {
    sockets.add(socket);
    response.end('{}');
  });
  const store = await openTestStore(t, url);
  for (let i = 0; i < 10; i++) await judge(format(), store, `sid=${i}`);
  t.equal(sockets.size, 1);
});

t.test('a service that hangs, drips, cuts off or talks nonsense is a fault and no crash', async (t) => {
  const servers = [
    tcpServer(t, () => {}),
    tcpServer(t, (socket) => socket.destroy()),
    tcpServer(t, (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"user":')),
    tcpServer(t, (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"user":')),
    garbageServer(t, 'nonsense\r\n\r\n'),
    garbageServer(t, `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`),
    freePort(),
  ];
  for (const port of servers) {
    const store = await openTestStore(t, `http://127.0.0.1:${await port}`, { deadlineMs: 60 });
    t.match(await judge(format(), store, 'sid=1'), /^fault (down|late)$/);
  }
});

t.test('what cannot work is a problem of the config', async (t) => {
  t.throws(() => format({ userHeader: 'no name' }), { name: 'FormatProblem', at: 'verify.http.userHeader' });
  t.throws(() => format({}, []), { name: 'FormatProblem', at: 'user' });
});
