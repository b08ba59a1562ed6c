// What is found end to end is made as short as it can be: shown on a proxy that misbehaves on purpose, and on a Limpet, which does not.
import { connect, createServer, type Socket } from 'node:net';
import t from 'tap';
import type { Owner } from '../kit/child.ts';
import { RawUpstream } from '../kit/raw-upstream.ts';
import { HOSTILE_PATH } from './hostile-upstream.ts';
import { type Accused, ProxyRetrial } from './proxy-retrial.ts';
import { clearlySent } from './recorder.ts';

const SEED = 7;
const BOUNDS = { tries: 3000, untilMs: Number.POSITIVE_INFINITY };

/**
 * A proxy that reads a client's requests once he has ended and forwards each, and with one that has `~~` in a field another that nobody sent; and
 * that hands answers over as they come, but for each `~` in them.
 */
async function misbehaving(t: Owner, good: RawUpstream, hostile: RawUpstream): Promise<Accused> {
  const open = new Set<Socket>();
  let underWay = 0;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    open.add(client);
    client.on('error', () => client.destroy());
    client.on('close', () => open.delete(client));
    client.once('data', (first) => {
      client.unshift(first);
      if (first.includes(HOSTILE_PATH)) handOver(client, hostile.port);
      else {
        underWay++;
        void forward(client, good.port).finally(() => underWay--);
      }
    });
    client.on('end', () => client.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const client of open) client.destroy();
    server.close();
  });
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const settled = async (): Promise<void> => {
    while (open.size + underWay > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  return { port, settled };
}

function handOver(client: Socket, port: number): void {
  const upstream = connect({ port, host: '127.0.0.1' });
  client.on('data', (bytes) => upstream.write(bytes));
  client.on('close', () => upstream.destroy());
  upstream.on('data', (bytes) =>
    client.write(Buffer.from(bytes.toString('latin1').replaceAll('~', '!'), 'latin1')),
  );
  upstream.on('end', () => client.end());
  upstream.on('error', () => client.destroy());
}

async function forward(client: Socket, port: number): Promise<void> {
  const pieces: Buffer[] = [];
  const from = client.remoteAddress;
  client.on('data', (piece: Buffer) => pieces.push(piece));
  await new Promise((resolve) => client.once('end', resolve).once('close', resolve));
  const upstream = connect({ port, host: '127.0.0.1' });
  upstream.on('error', () => {});
  for (const { start, body, fields } of clearlySent(Buffer.concat(pieces))) {
    const space = start.indexOf(' ');
    const starts = [`${start.slice(0, space)} ${start.slice(space + 1)}`];
    if (fields.some((field) => field.includes('~~'))) starts.push('GET /nobody-asked-for-this');
    for (const each of starts) {
      const length = Buffer.byteLength(each === starts[0] ? body : '', 'latin1');
      const lines = `Host: a\r\nX-Forwarded-For: ${from}\r\nContent-Length: ${length}\r\n`;
      const answered = new Promise((resolve) => upstream.once('data', resolve).once('close', resolve));
      upstream.write(`${each} HTTP/1.1\r\n${lines}\r\n${each === starts[0] ? body : ''}`, 'latin1');
      await answered;
    }
  }
  upstream.destroy();
}

async function retrial(t: Owner, side: 'stream' | 'answer', number: number, what: string, bytes: string) {
  const good = await RawUpstream.listen({ owner: t });
  const hostile = await RawUpstream.listen({ owner: t });
  const accused = await misbehaving(t, good, hostile);
  return new ProxyRetrial(accused, good, hostile, { side, what, number, bytes }, SEED);
}

t.test('a stream is left with the request and the field that did it', async (t) => {
  const post = (i: number, lines = ''): string =>
    `POST /path/of/${i}?with=a&query=${i} HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n${lines}Content-Length: 30\r\n\r\n${String(i).repeat(30)}`;
  const bytes = [1, 2, 3, 4, 5, 6, 7, 8]
    .map((i) => post(i, i === 5 ? 'X-Odd: what is ~~ here\r\n' : ''))
    .join('');
  // Of a number whose client ends in order, since the proxy waits for that.
  for (let number = 0; ; number++) {
    const it = await retrial(t, 'stream', number, 'a request that was not sent: of another run', bytes);
    if ((await it.judge(Buffer.from(bytes, 'latin1'))).length === 0) continue;
    const least = await it.shrunk(BOUNDS);
    t.ok(least.again);
    const text = least.bytes.toString('latin1');
    t.match(text, /^\S \S* ?HTTP\/1\.[01]\r\n(?:Host:\S*\r\n)?[^\r]*~~\r\n/i, text);
    t.ok(
      least.bytes.length <= 40,
      `${least.bytes.length} bytes of ${bytes.length} are left: ${JSON.stringify(text)}`,
    );
    t.match(await it.judge(least.bytes), [/^a request that was not sent: "GET \/nobody-asked/]);
    break;
  }
});

t.test('an answer is left with what was spoiled of it', async (t) => {
  const lines = Array.from({ length: 12 }, (_, i) => `X-Field-${i}: some value\r\n`).join('');
  const bytes = `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 Well done\r\n${lines}Content-Length: 26\r\n\r\nabcdefghijklm~nopqrstuvwxy`;
  for (let number = 0; ; number++) {
    const it = await retrial(t, 'answer', number, 'a whole answer came with another body', bytes);
    if (!(await it.judge(Buffer.from(bytes, 'latin1'))).includes('a whole answer came with another body'))
      continue;
    const least = await it.shrunk(BOUNDS);
    t.ok(least.again);
    const text = least.bytes.toString('latin1');
    t.notMatch(text, /103|X-Field/, text);
    t.match(text, /~/);
    t.ok(least.bytes.length < 50, `${least.bytes.length} bytes of ${bytes.length} are left`);
    break;
  }
});

t.test('the bounds are kept, and what is not found again is left whole', async (t) => {
  const bytes = `GET /${'a'.repeat(500)} HTTP/1.1\r\nHost: a\r\nX: ~~\r\n\r\n`;
  for (let number = 0; ; number++) {
    const it = await retrial(t, 'stream', number, 'a request that was not sent: x', bytes);
    if ((await it.judge(Buffer.from(bytes, 'latin1'))).length === 0) continue;
    const few = await it.shrunk({ tries: 10, untilMs: Number.POSITIVE_INFINITY });
    t.ok(few.tries <= 11 && few.bytes.length > 100);
    break;
  }
  const other = await retrial(t, 'stream', 0, 'a malformed answer: of nobody', bytes);
  t.match(await other.shrunk(BOUNDS), { again: false, bytes: Buffer.from(bytes, 'latin1') });
});

t.test('a Limpet on trial is asked for real, and has done nothing', async (t) => {
  const stream =
    'GET /one HTTP/1.1\r\nHost: a\r\n\r\nPOST /two HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi';
  const streams = await ProxyRetrial.open(t, { side: 'stream', what: 'x', number: 3, bytes: stream }, SEED);
  // However its client leaves, some of them get through.
  t.same(await streams.judge(Buffer.from(stream, 'latin1')), []);
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
  const answers = await ProxyRetrial.open(t, { side: 'answer', what: 'x', number: 3, bytes: answer }, SEED);
  t.same(await answers.judge(Buffer.from(answer, 'latin1')), []);
  t.equal(
    [...streams.counts.values()].reduce((sum, count) => sum + count, 0),
    1,
  );
  t.same([...answers.counts], [['answers passed', 1]]);
});
