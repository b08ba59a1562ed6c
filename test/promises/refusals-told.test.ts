// Promise: whoever is refused, the operator finds it in the access log with its code, and with nothing that is secret.
import t from 'tap';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, startNamedApp, until } from '../kit/named-app.ts';
import { RawClient } from '../kit/raw-client.ts';

const app = await startNamedApp('app', t);
const limpet = await startLimpet({
  upstreams: [app.url],
  timeouts: { head: '300ms' },
  log: { access: true, format: 'json' },
});

/** Lines of the access log that tell of a fault. */
const told = (): Record<string, unknown>[] =>
  limpet
    .logs()
    .split('\n')
    .filter((line) => line.includes('"fault"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

async function refused(bytes: string): Promise<string> {
  const client = await RawClient.open(limpet.port, { owner: t });
  client.send(bytes);
  await client.untilEnd();
  return client.received.toString('latin1');
}

t.test('a request that is refused while it is read has its line', async (t) => {
  const rows: readonly [bytes: string, line: Record<string, unknown>][] = [
    [
      'TRACE /way?token=in-the-query HTTP/1.1\r\nHost: a\r\n\r\n',
      { fault: 'request.method.trace', status: 405, method: 'TRACE', path: '/way' },
    ],
    [
      'GET /fold HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n',
      { fault: 'request.field.fold', status: 400, method: 'GET', path: '/fold' },
    ],
    [
      'GET http://user:in-the-userinfo@a/ HTTP/1.1\r\nHost: a\r\n\r\n',
      { fault: 'request.target.userinfo', status: 400, method: 'GET', path: '' },
    ],
    [
      '\x01 in-no-request\r\n',
      { fault: 'request.method.malformed', status: 400, method: undefined, path: '' },
    ],
  ];
  for (const [bytes, expected] of rows) {
    t.match(await refused(bytes), `HTTP/1.1 ${expected.status} `);
    await until(`${expected.fault} is in the log`, () =>
      told().some(({ fault }) => fault === expected.fault),
    );
    const [line] = told().filter(({ fault }) => fault === expected.fault);
    t.match(line, { ...expected, client: '127.0.0.1', endedBy: 'client', attempts: 0 });
  }
  t.notMatch(limpet.logs(), /in-the-query|in-the-userinfo|in-no-request/);
});

t.test(
  'a head that does not come in time has its line, and its answer is whole whoever was read before',
  async (t) => {
    const before = await RawClient.open(limpet.port, { owner: t });
    before.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
    await until('the HEAD is answered', () => before.received.includes('\r\n\r\n'));
    const answer = await refused('GET /late HTTP/1.1\r\nHost');
    t.match(answer, /^HTTP\/1.1 408 [\s\S]*\r\n\r\n408 Request Timeout: /);
    await until('it is in the log', () => told().some(({ fault }) => fault === 'request.timeout.head'));
  },
);

t.test('each is told once', async (t) => {
  const codes = told().map(({ fault }) => fault);
  t.same(codes.toSorted(), [...new Set(codes)].toSorted());
});

t.test('a request that is answered here has an id, which a trusted proxy may have given', async (t) => {
  const routed = await startLimpet(
    {
      routes: [{ path: '/shop', pool: 'default' }],
      upstreams: [app.url],
      trustedProxies: ['127.0.0.1'],
      log: { access: true, format: 'json' },
    },
    { owner: t },
  );
  const idOf = async (headers: Record<string, string>): Promise<string> => {
    const { body } = await askPath(routed.port, '/nowhere', { accept: 'application/json', ...headers });
    return (JSON.parse(body) as { error: { requestId: string } }).error.requestId;
  };
  t.equal(await idOf({ 'x-request-id': 'given-7' }), 'given-7');
  const made = await idOf({});
  t.match(made, /^[0-9a-f]{32}$/);
  t.not(await idOf({}), made);
  for (const id of ['given-7', made])
    await until(`${id} is in the log`, () => routed.logs().includes(`"requestId":"${id}"`));
});
