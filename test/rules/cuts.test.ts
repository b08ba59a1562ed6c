// Section 8: a message that is cut in two at any byte gives the same result as the whole one, through the running proxy.
import t from 'tap';
import { type Message, readAnswer, statusOf } from '../kit/http-message.ts';
import { chunkedPost, get, post, request, unwatched } from '../kit/judge.ts';
import { startLimpet } from '../kit/limpet.ts';
import { RawClient } from '../kit/raw-client.ts';
import { type Exchange, OK, RawUpstream } from '../kit/raw-upstream.ts';

const upstream = await RawUpstream.listen();
const limpet = await startLimpet({ upstreams: [upstream.url], health: unwatched, retries: { attempts: 0 } });
const barrierClient = await RawClient.open(limpet.port);

/**
 * Waits until Limpet has read all that was written to it before: its one worker takes events in their order, so that its answer
 * to a request written now comes after it read everything older. This keeps the two pieces of a message two reads without a sleep.
 */
async function barrier(): Promise<void> {
  await barrierClient.ask(get('/barrier'));
}

/** What the upstream understood, as an answer's body, without what differs by request. */
function echo(message: Message): string {
  const own = /^(x-request-id|traceparent)$/i;
  const text = JSON.stringify([
    message.start,
    message.fields.filter(([name]) => !own.test(name)),
    message.body.toString('latin1'),
    message.trailers,
  ]);
  const body = message.start.startsWith('HEAD ') ? '' : text;
  return `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${body}`;
}

/** Everything that a client got until its connection ended, without what differs by request. */
async function outcome(client: RawClient, method: string): Promise<string> {
  await client.untilEnd(20_000);
  const seen: string[] = [];
  while (client.received.length > 0) {
    const answer = readAnswer(client.received, method, true);
    if (!answer) {
      seen.push(`incomplete: ${client.text}`);
      break;
    }
    client.take(answer.raw.length);
    const status = statusOf(answer);
    seen.push(status >= 400 ? `refused ${status}` : describe(answer));
  }
  client.destroy();
  return seen.join('\n') || 'nothing';
}

function describe(answer: Message): string {
  const fields = answer.fields.filter(([name]) => !/^(date|x-request-id)$/i.test(name));
  return JSON.stringify([
    answer.start,
    fields,
    answer.framing,
    answer.body.toString('latin1'),
    answer.trailers,
  ]);
}

/** Sorts outcomes into `what: how often, first at which cut`, so that a difference can be read. */
function tally(outcomes: readonly string[]): string[] {
  const found = new Map<string, number[]>();
  outcomes.forEach((what, i) => {
    found.set(what, [...(found.get(what) ?? []), i + 1]);
  });
  return [...found].map(([what, at]) => `${at.length} times, first cut at ${at[0]}: ${what}`);
}

const done = 'Connection: close';
const requests: readonly (readonly [name: string, bytes: string, wanted: RegExp])[] = [
  ['a GET', get('/x?y=z', done, 'X-A: b', 'Cookie: a=1', 'Cookie: b=2'), /^\["HTTP/],
  ['empty lines before it', `\r\n\r\n${get('/x', done)}`, /^\["HTTP/],
  ['an absolute target', get('http://c.example:80/x', done), /c\.example/],
  ['a body by length', post('/x', 'hello\r\n\r\n0\r\n\r\n', done), /hello/],
  ['chunks', chunkedPost('/x', '5\r\nhello\r\n00a\r\n0123456789\r\n0\r\n\r\n', done), /hello0123456789/],
  [
    'chunks with extensions and trailers',
    chunkedPost('/x', '5;a="b c"\r\nhello\r\n0;x\r\nX-Sum: 1\r\nX-More:  2\r\n\r\n', done, 'TE: trailers'),
    /X-Sum/,
  ],
  [
    'pipelined',
    get('/1') + post('/2', 'two') + chunkedPost('/3', '5\r\nthree\r\n0\r\n\r\n') + get('/4', done),
    /\/4/,
  ],
  ['a HEAD', request('HEAD', '/x', done), /^\["HTTP/],
  ['a 1.0 request', 'GET /x HTTP/1.0\r\nX-A: b\r\n\r\n', /^\["HTTP/],
  ['an OPTIONS *', request('OPTIONS', '*', done), /204/],
  ['a GET and nonsense behind it', `${get('/x')}NONSENSE\r\n\r\n`, /^\["HTTP.*\nrefused 400$/],
  [
    'CL.TE',
    `${request('POST', '/x', 'Content-Length: 6', 'Transfer-Encoding: chunked')}0\r\n\r\nG`,
    /^refused 400$/,
  ],
  [
    'TE.TE',
    `${request('POST', '/x', 'Transfer-Encoding: chunked', 'Transfer-Encoding: x')}0\r\n\r\n`,
    /^refused (400|501)$/,
  ],
  ['two lengths', `${request('POST', '/x', 'Content-Length: 5', 'Content-Length: 6')}hello`, /^refused 400$/],
  ['bare LF', 'GET /x HTTP/1.1\r\nHost: a\nX: y\r\n\r\n', /^refused 400$/],
  ['bare CR', 'GET /x HTTP/1.1\r\nHost: a\rb\r\n\r\n', /^refused 400$/],
  ['obs-fold', get('/x', 'X: a', ' b'), /^refused 400$/],
  ['space before a colon', get('/x', 'X : a'), /^refused 400$/],
  ['NUL', get('/x', 'X: a\0b'), /^refused 400$/],
  ['no Host', 'GET /x HTTP/1.1\r\nX: y\r\n\r\n', /^refused 400$/],
  ['version 2.0', 'GET /x HTTP/2.0\r\nHost: a\r\n\r\n', /^refused 505$/],
  ['the preface of h2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /^refused 505$/],
  ['five empty lines', `\r\n\r\n\r\n\r\n\r\n${get('/x')}`, /^refused 400$/],
  ['a bad chunk line', chunkedPost('/x', '5\r\nhello\r\n+5\r\nworld\r\n0\r\n\r\n'), /^refused 400$/],
  ['a bare LF behind a chunk', chunkedPost('/x', '5\r\nhello\n0\r\n\r\n'), /^refused 400$/],
  ['a bad trailer', chunkedPost('/x', '5\r\nhello\r\n0\r\nX : y\r\n\r\n'), /^refused 400$/],
];

t.test('a request cut at any byte is understood as the whole one is', async (t) => {
  upstream.script = async (exchange) => {
    const message = await exchange.whole();
    exchange.send(exchange.target === '/barrier' ? OK : echo(message));
  };
  for (const [name, bytes, wanted] of requests) {
    const method = bytes.trimStart().split(' ')[0]!;
    const whole = await RawClient.open(limpet.port);
    whole.send(bytes);
    const expected = await outcome(whole, method);
    t.match(expected, wanted, `${name}: as a whole`);
    const clients = await Promise.all(
      Array.from({ length: bytes.length - 1 }, () => RawClient.open(limpet.port)),
    );
    clients.forEach((client, i) => {
      client.send(bytes.slice(0, i + 1));
    });
    await barrier();
    clients.forEach((client, i) => {
      client.send(bytes.slice(i + 1));
    });
    const outcomes = await Promise.all(clients.map((client) => outcome(client, method)));
    t.same(tally(outcomes), tally(outcomes.map(() => expected)), `${name}: cut at ${outcomes.length} places`);
  }
  t.same(upstream.errors, [], 'and all that was forwarded was well formed');
});

t.test('a request sent byte by byte is understood as the whole one is', async (t) => {
  for (const [name, bytes, wanted] of requests) {
    const client = await RawClient.open(limpet.port);
    await client.sendByByte(bytes);
    t.match(await outcome(client, bytes.trimStart().split(' ')[0]!), wanted, name);
  }
});

const ok = 'HTTP/1.1 200 OK\r\n';
const answers: readonly (readonly [name: string, bytes: string, wanted: RegExp, method?: string])[] = [
  ['a length', `${ok}Content-Length: 5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nhello`, /hello/],
  [
    'chunks',
    `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n00C;x=y\r\n, you there!\r\n0\r\n\r\n`,
    /hello, you there!/,
  ],
  [
    'chunks and trailers',
    `${ok}Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n`,
    /X-Sum/,
  ],
  ['its end', `${ok}\r\nhello`, /hello/],
  ['no body to a HEAD', `${ok}Content-Length: 5\r\n\r\n`, /200/, 'HEAD'],
  ['204', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', /204/],
  ['304', 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n', /304/],
  [
    'hints first',
    `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok}Content-Length: 5\r\n\r\nhello`,
    /103.*\n.*hello/,
  ],
  ['no reason', 'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok', /200/],
  ['both framings', `${ok}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, /^refused 502$/],
  ['a bad status', 'HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok', /^refused 502$/],
  ['a folded field', `${ok}X: a\r\n b\r\nContent-Length: 2\r\n\r\nok`, /^refused 502$/],
  ['a bare LF', `${ok}X: a\nContent-Length: 2\r\n\r\nok`, /^refused 502$/],
];

t.test('an answer cut at any byte is passed on as the whole one is', async (t) => {
  for (const [name, bytes, wanted, method = 'GET'] of answers) {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const count = bytes.length;
    let begun = 0;
    let allBegun = (): void => {};
    const everyBegun = new Promise<void>((resolve) => {
      allBegun = resolve;
    });
    upstream.script = async (exchange: Exchange) => {
      await exchange.whole();
      if (exchange.target === '/barrier') return exchange.send(OK);
      // The cut stands in the target; a cut at the full length sends the whole.
      const cut = Number(exchange.target.slice(1));
      exchange.send(bytes.slice(0, cut));
      if (++begun === count) allBegun();
      // The whole one ends its exchange now: its connection must not be held, since it may be used for the next request.
      if (cut < count) await released;
      exchange.send(bytes.slice(cut));
      exchange.connection.halfClose();
    };
    const clients = await Promise.all(Array.from({ length: count }, () => RawClient.open(limpet.port)));
    clients.forEach((client, i) => {
      client.send(request(method, `/${i + 1}`, done));
    });
    await everyBegun;
    await barrier();
    release();
    const outcomes = await Promise.all(clients.map((client) => outcome(client, method)));
    const expected = outcomes.at(-1)!;
    t.match(expected, wanted, `${name}: as a whole`);
    t.same(tally(outcomes), tally(outcomes.map(() => expected)), `${name}: cut at ${count} places`);
  }
});
