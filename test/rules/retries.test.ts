// T1-T6: which requests are tried again, where, and how often. Every try is counted at the upstream that got it.
import t from 'tap';
import { type Message, statusOf } from '../kit/http-message.ts';
import { chunkedPost, get, post, request, unwatched } from '../kit/judge.ts';
import { startLimpet } from '../kit/limpet.ts';
import { freePort } from '../kit/ports.ts';
import { askOnce, RawClient } from '../kit/raw-client.ts';
import { answering, OK, RawUpstream, type Script } from '../kit/raw-upstream.ts';

const good = await RawUpstream.listen();
const bad = await RawUpstream.listen();
const failing = await Promise.all([0, 1, 2, 3, 4].map(() => RawUpstream.listen()));
const nobody = `http://127.0.0.1:${await freePort()}`;
const pool = (...upstreams: string[]) => ({ upstreams, health: unwatched, retries: { budget: '100%' } });
const limpet = await startLimpet({
  pools: {
    refusing: pool(nobody, good.url),
    mixed: pool(bad.url, good.url),
    single: pool(bad.url),
    failing: { ...pool(...failing.map((u) => u.url)), retries: { attempts: 2, budget: '100%' } },
    thrifty: { ...pool(...failing.map((u) => u.url)), retries: { attempts: 2, budget: '0%' } },
  },
  routes: [
    { path: '/refusing', pool: 'refusing' },
    { path: '/mixed', pool: 'mixed' },
    { path: '/asked', pool: 'mixed', retries: { statuses: [503] } },
    { path: '/single', pool: 'single' },
    { path: '/failing', pool: 'failing' },
    { path: '/thrifty', pool: 'thrifty' },
    { path: '/never', pool: 'failing', retries: { attempts: 0 } },
  ],
});
const closing: Script = async (exchange) => {
  await exchange.whole();
  exchange.connection.halfClose();
};
const resetting: Script = async (exchange) => {
  await exchange.whole();
  exchange.connection.reset();
};

t.beforeEach(() => {
  for (const upstream of [good, bad, ...failing]) upstream.forget();
  good.script = answering(OK);
  for (const upstream of [bad, ...failing]) upstream.script = resetting;
});

/** Asks with a connection of its own each time, so that round robin brings each upstream to be first. */
async function askOften(bytes: string, times = 6): Promise<Message[]> {
  const answers: Message[] = [];
  for (let i = 0; i < times; i++) answers.push(await askOnce(limpet.port, bytes));
  return answers;
}

t.test('T1: a connect that is refused is tried elsewhere, whatever the method', async (t) => {
  for (const bytes of [
    get('/refusing'),
    post('/refusing', 'hello'),
    request('PATCH', '/refusing', 'Content-Length: 0'),
    chunkedPost('/refusing', '5\r\nhello\r\n0\r\n\r\n'),
  ]) {
    good.forget();
    const answers = await askOften(bytes, 4);
    t.same(answers.map(statusOf), [200, 200, 200, 200], bytes.split('\r\n')[0]!);
    t.equal(good.exchanges.length, 4, 'each reached the good upstream once');
  }
  t.ok(
    good.exchanges.every((e) => e.message?.body.toString() === 'hello'),
    'with its body',
  );
});

t.test('T1: when every connect is refused the answer is 502', async (t) => {
  const alone = await startLimpet({ upstreams: [nobody], health: unwatched }, { owner: t });
  t.equal(statusOf(await askOnce(alone.port, post('/', 'hello'))), 502);
});

/** A client whose connection to the upstream of `/single` is warm, and the script that its second request meets. */
async function reused(script: Script): Promise<RawClient> {
  let first = true;
  bad.script = async (exchange) => {
    const fresh = exchange.connection.exchanges.length === 1;
    await exchange.whole();
    if (first || fresh) exchange.send(OK);
    else await script(exchange);
    first = false;
  };
  const client = await RawClient.open(limpet.port);
  await client.ask(get('/single/warm'));
  return client;
}

t.test(
  'T2: a reused connection that closes without a byte is replaced, for methods that may be repeated',
  async (t) => {
    const again = [
      get('/single'),
      request('OPTIONS', '/single'),
      request('DELETE', '/single'),
      `${request('PUT', '/single', 'Content-Length: 5')}hello`,
      request('HEAD', '/single'),
    ];
    for (const script of [closing, resetting]) {
      for (const bytes of again) {
        const client = await reused(script);
        bad.forget();
        const method = bytes.split(' ')[0]!;
        t.equal(statusOf(await client.ask(bytes, method)), 200, `${method} is answered`);
        t.equal(bad.exchanges.length, 2, 'by its second try');
        t.not(bad.exchanges[0]?.connection, bad.exchanges[1]?.connection, 'on a fresh connection');
        if (method === 'PUT') t.equal(bad.last.message?.body.toString(), 'hello', 'with its body');
        client.destroy();
      }
    }
  },
);

t.test('T2: other methods are not repeated', async (t) => {
  for (const script of [closing, resetting]) {
    for (const method of ['POST', 'PATCH', 'MOVE']) {
      const client = await reused(script);
      bad.forget();
      t.equal(
        statusOf(await client.ask(`${request(method, '/single', 'Content-Length: 5')}hello`)),
        502,
        method,
      );
      t.equal(bad.exchanges.length, 1, 'sent once');
      client.destroy();
    }
  }
});

t.test(
  'T3: a fresh connection that ends without a byte: only methods that may be repeated, elsewhere',
  async (t) => {
    for (const script of [closing, resetting]) {
      bad.script = script;
      for (const bytes of [
        get('/mixed'),
        request('DELETE', '/mixed'),
        `${request('PUT', '/mixed', 'Content-Length: 5')}hello`,
      ]) {
        good.forget();
        bad.forget();
        const answers = await askOften(bytes);
        t.ok(
          answers.every((a) => statusOf(a) === 200),
          `${bytes.split(' ')[0]}: every one answered`,
        );
        t.equal(good.exchanges.length, 6, 'by the good upstream');
        t.ok(bad.exchanges.length > 0, 'though the bad one had its share');
      }
      good.forget();
      bad.forget();
      const answers = await askOften(post('/mixed', 'hello'));
      const failed = answers.filter((a) => statusOf(a) === 502).length;
      t.equal(bad.exchanges.length, failed, 'POST: each that the bad one took is 502');
      t.equal(good.exchanges.length, 6 - failed, 'and none of them was sent twice');
      t.ok(failed > 0, 'some were');
    }
  },
);

t.test('T3: an answer that has begun is never tried again', async (t) => {
  bad.script = async (exchange) => {
    await exchange.whole();
    exchange.send('HTTP/1.1 200 O');
    exchange.connection.halfClose();
  };
  const answers = await askOften(get('/mixed'));
  const failed = answers.filter((a) => statusOf(a) === 502).length;
  t.equal(good.exchanges.length + bad.exchanges.length, 6, 'one try each');
  t.equal(bad.exchanges.length, failed, 'half a head is 502');
});

t.test('T4: a status is tried again only where the route asks', async (t) => {
  bad.script = answering('HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy');
  const asked = await askOften(get('/asked'));
  t.ok(
    asked.every((a) => statusOf(a) === 200),
    'asked: every one answered by the good upstream',
  );
  t.ok(bad.exchanges.length > 0, 'after the bad one');
  good.forget();
  bad.forget();
  const plain = await askOften(get('/mixed'));
  const busy = plain.filter((a) => statusOf(a) === 503);
  t.equal(bad.exchanges.length, busy.length, 'not asked: 503 is the answer');
  t.ok(busy.length > 0 && busy.every((a) => a.body.toString() === 'busy'), 'with its body');
  bad.script = answering('HTTP/1.1 502 Other\r\nContent-Length: 0\r\n\r\n');
  const other = await askOften(get('/asked'));
  t.ok(
    other.some((a) => statusOf(a) === 502),
    'nor is a status that was not named',
  );
});

t.test('T4: when every upstream has that status the client gets it', async (t) => {
  const busy = answering('HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy');
  bad.script = busy;
  good.script = busy;
  const answer = await askOnce(limpet.port, get('/asked'));
  t.equal(statusOf(answer), 503);
});

t.test('T5: a body is held up to 64 KiB; a longer one is not sent twice', async (t) => {
  const short = 'x'.repeat(60_000);
  const held = await askOften(`${request('PUT', '/mixed', `Content-Length: ${short.length}`)}${short}`);
  t.ok(
    held.every((a) => statusOf(a) === 200),
    '60 KB: every one answered',
  );
  t.ok(bad.exchanges.length > 0, 'though some met the bad upstream');
  t.ok(
    good.exchanges.every((e) => e.message?.body.toString() === short),
    'with the whole body',
  );
  good.forget();
  bad.forget();
  const long = 'x'.repeat(200_000);
  const sent = await askOften(`${request('PUT', '/mixed', `Content-Length: ${long.length}`)}${long}`);
  const failed = sent.filter((a) => statusOf(a) === 502).length;
  t.equal(bad.exchanges.length, failed, '200 KB: what the bad upstream took is 502');
  t.ok(failed > 0, 'as some were');
  t.equal(good.exchanges.length, 6 - failed, 'and sent once');
});

const hits = () => failing.reduce((sum, upstream) => sum + upstream.exchanges.length, 0);

t.test('T6: a request has at most "attempts" tries after its first', async (t) => {
  t.equal(statusOf(await askOnce(limpet.port, get('/failing'))), 502);
  t.equal(hits(), 3, 'three tries');
  t.ok(
    failing.every((upstream) => upstream.exchanges.length <= 1),
    'each elsewhere',
  );
  for (const upstream of failing) upstream.forget();
  t.equal(statusOf(await askOnce(limpet.port, get('/never'))), 502);
  t.equal(hits(), 1, 'attempts: 0 is one try');
});

t.test('T6: retries stay within the budget of the pool', async (t) => {
  const began = performance.now();
  const count = 100;
  const answers = await Promise.all(
    Array.from({ length: count }, () => askOnce(limpet.port, get('/thrifty'))),
  );
  const seconds = Math.ceil((performance.now() - began) / 1000);
  t.ok(
    answers.every((a) => statusOf(a) === 502),
    'all fail',
  );
  const retried = hits() - count;
  t.ok(retried >= 1, `the floor allows some (${retried})`);
  // Three a second over a window of 10 s; 200 retries were wanted.
  t.ok(retried <= 3 * (10 + seconds), `${retried} retries in ${seconds} s stay at the floor`);
});

t.test('Limpet wrote well-formed requests only', async (t) => {
  t.same(
    [good, bad, ...failing].flatMap((upstream) => upstream.errors),
    [],
  );
});
