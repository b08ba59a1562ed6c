// What the log promises: whatever a caller hands it, no secret leaves by it.
import t from 'tap';
import { makeLogger } from '../../src/observe/logger.ts';
import { redact, redactText } from '../../src/observe/redaction.ts';

const SECRET = 'hunter2hunter2';

t.test('a secret is hidden wherever it stands and however its name is spelt', async (t) => {
  const cases: Record<string, unknown>[] = [
    { cookie: SECRET },
    { Cookie: SECRET },
    { headers: { 'Set-Cookie': [SECRET] } },
    { request: { headers: { AUTHORIZATION: `Bearer ${SECRET}` } } },
    { list: [{ token: SECRET }] },
    { access_token: SECRET, secrets: [SECRET], apiKey: SECRET, 'x-api-key': SECRET },
    { url: `redis://user:${SECRET}@redis:6379/0` },
    { why: `could not reach http://admin:${SECRET}@10.0.0.1:3000/ in time` },
    { bytes: Buffer.from(SECRET) },
    { a: { b: { c: { d: { e: { f: { g: { h: { i: { j: SECRET } } } } } } } } } },
    {
      err: Object.assign(new Error(`dial http://u:${SECRET}@h/ failed`), {
        config: { headers: { x: SECRET } },
      }),
    },
  ];
  for (const fields of cases) {
    const lines: string[] = [];
    const logger = makeLogger({ level: 'info' }, { write: (line) => lines.push(line) });
    logger.info(fields, 'something happened');
    t.equal(lines.length, 1);
    t.notMatch(lines[0], SECRET, Object.keys(fields).join());
  }
});

t.test('a secret in the message’s own URL is hidden', async (t) => {
  const lines: string[] = [];
  const logger = makeLogger({ level: 'info' }, { write: (line) => lines.push(line) });
  logger.warn(`upstream http://u:${SECRET}@10.0.0.1:3000 is down`);
  logger.warn('upstream %s is down', `http://u:${SECRET}@10.0.0.1:3000`);
  t.equal(lines.length, 2);
  for (const line of lines) {
    t.notMatch(line, SECRET);
    t.match(line, '10.0.0.1:3000');
  }
});

t.test('what is no secret stays as it was', async (t) => {
  const fields = {
    pool: 'shop',
    upstream: 'http://10.0.0.1:3000',
    mail: 'a@b.c',
    times: 3,
    ok: true,
    none: null,
  };
  t.same(redact(fields), fields);
  t.same(
    redact({ token: null, cookie: undefined }),
    { token: null, cookie: undefined },
    'absent is not secret',
  );
});

t.test('an error keeps what helps: type, code, message, stack', async (t) => {
  const error = Object.assign(new TypeError('bad thing'), { code: 'EBAD', request: { big: true } });
  const { err } = redact({ err: error }) as { err: Record<string, unknown> };
  t.same(Object.keys(err), ['type', 'code', 'message', 'stack']);
  t.match(err, { type: 'TypeError', code: 'EBAD', message: 'bad thing', stack: /redaction\.test/ });
});

t.test('a line is stamped, levelled by name, and one line', async (t) => {
  const lines: string[] = [];
  const logger = makeLogger(
    { level: 'info' },
    { write: (line) => lines.push(line) },
    () => 1_700_000_000_123,
  );
  logger.debug('not at this level');
  logger.info({ why: 'two\nlines' }, 'an upstream is down');
  logger.error(new Error('boom'));
  t.equal(lines.length, 2);
  t.same(JSON.parse(lines[0]!), {
    level: 'info',
    time: '2023-11-14T22:13:20.123Z',
    why: 'two\nlines',
    msg: 'an upstream is down',
  });
  t.match(JSON.parse(lines[1]!), { level: 'error', msg: 'boom', err: { type: 'Error' } });
  for (const line of lines) t.equal(line.indexOf('\n'), line.length - 1);
});

t.test('a text of nonsense is looked through in a moment', { timeout: 5000 }, async (t) => {
  const nonsense = `${'a.'.repeat(300_000)}@`;
  t.equal(redactText(nonsense), nonsense);
  t.equal(redactText(`${nonsense}://u:p@h`), `${nonsense}://[hidden]@h`);
});
