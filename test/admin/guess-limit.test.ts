// Tokens cannot be guessed fast, and who guesses locks nobody else out.
import t from 'tap';
import { GuessLimit } from '../../src/admin/guess-limit.ts';
import type { AdminToken } from '../../src/config/config.ts';
import { EVERYWHERE, makeAdmin } from './fake-view.ts';

const TOKENS: readonly AdminToken[] = [
  { name: 'grafana', token: 'read-read-read-read', access: 'read' },
  { name: 'ops', token: 'full-full-full-full', access: 'full' },
];

function make() {
  let nowMs = 1000;
  const limit = new GuessLimit(() => nowMs);
  return { limit, pass: (ms: number) => (nowMs += ms) };
}

t.test('an address guesses ten times at once, and then ten times a minute', async (t) => {
  const { limit, pass } = make();
  let failed = 0;
  const guess = (): void => {
    if (limit.waitMs('192.0.2.1', null) > 0) return;
    failed++;
    limit.failed('192.0.2.1');
  };
  for (let i = 0; i < 50; i++) guess();
  t.equal(failed, 10);
  t.equal(limit.waitMs('192.0.2.1', null), 6000);
  t.equal(limit.waitMs('192.0.2.1', 'ops'), 6000, 'a right token is an answer as well');
  t.equal(limit.waitMs('192.0.2.2', null), 0, 'nobody else waits');
  for (let s = 0; s < 3600; s++) {
    pass(1000);
    guess();
  }
  t.equal(failed, 10 + 600);
});

t.test('who was let in from there within the hour is let in again, whatever others do there', async (t) => {
  const { limit, pass } = make();
  limit.passed('192.0.2.1', 'ops');
  for (let i = 0; i < 20; i++) limit.failed('192.0.2.1');
  t.equal(limit.waitMs('192.0.2.1', 'ops'), 0);
  t.ok(limit.waitMs('192.0.2.1', 'grafana') > 0, 'the other token was never seen there');
  t.ok(limit.waitMs('192.0.2.1', null) > 0);
  pass(3_600_001);
  for (let i = 0; i < 20; i++) limit.failed('192.0.2.1');
  t.ok(limit.waitMs('192.0.2.1', 'ops') > 0);
});

t.test('many addresses together guess no faster than a few, and delay only strangers', async (t) => {
  const { limit, pass } = make();
  limit.passed('198.51.100.1', 'ops');
  let judged = 0;
  for (let i = 0; i < 5000; i++) {
    const address = `10.${i >> 8}.${i & 255}.1`;
    if (limit.waitMs(address, null) > 0) continue;
    judged++;
    limit.failed(address);
  }
  t.equal(judged, 100);
  t.ok(limit.waitMs('203.0.113.9', 'ops') > 0, 'a stranger waits');
  t.equal(
    limit.waitMs('198.51.100.1', 'grafana'),
    0,
    'where a token was right, another one is judged at once',
  );
  pass(600);
  t.equal(limit.waitMs('203.0.113.9', 'ops'), 0, 'and soon strangers are, too');
});

t.test(
  'all of a IPv6 addresses of a customer are one, and an IPv4 address is the same in both families',
  async (t) => {
    const { limit } = make();
    for (let i = 0; i < 10; i++) limit.failed(`2001:db8:1:2:${i}::1`);
    t.ok(limit.waitMs('2001:db8:1:2:ffff:0:0:9', null) > 0);
    t.equal(limit.waitMs('2001:db8:1:3::1', null), 0);
    t.equal(limit.waitMs('::1', null), 0);
    for (let i = 0; i < 10; i++) limit.failed('192.0.2.1');
    t.ok(limit.waitMs('::ffff:192.0.2.1', null) > 0);
  },
);

t.test('guesses are answered 429 with the time to wait; who sends no token is no guesser', async (t) => {
  const { app, advance } = makeAdmin(EVERYWHERE, TOKENS);
  advance(1000);
  const ask = (token: string | null, remoteAddress: string) =>
    app.inject({
      url: '/api/v1/status',
      remoteAddress,
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
    });
  for (let i = 0; i < 30; i++) t.equal((await ask(null, '192.0.2.1')).statusCode, 401);
  for (let i = 0; i < 10; i++) t.equal((await ask('wrong-wrong-wrong', '192.0.2.1')).statusCode, 401);
  const limited = await ask('wrong-wrong-wrong', '192.0.2.1');
  t.equal(limited.statusCode, 429);
  t.equal(limited.headers['retry-after'], '6');
  t.match(limited.json(), { error: { code: 'token.limit' } });
  t.equal((await ask('full-full-full-full', '192.0.2.1')).statusCode, 429);
  t.equal((await ask('full-full-full-full', '192.0.2.2')).statusCode, 200);
  advance(6000);
  t.equal((await ask('full-full-full-full', '192.0.2.1')).statusCode, 200);
  for (let i = 0; i < 30; i++) await ask('wrong-wrong-wrong', '192.0.2.1');
  t.equal((await ask('full-full-full-full', '192.0.2.1')).statusCode, 200, 'known there now');
  t.equal((await ask('read-read-read-read', '192.0.2.1')).statusCode, 429);
});
