// The kinds of traffic that end well if Limpet and the apps do: each call is one visit, from connecting to leaving.
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Random } from '../../src/base/random.ts';
import { statusOf, value } from '../kit/http-message.ts';
import type { Books } from './books.ts';
import { type Door, urlOf, WS_OPTIONS } from './door.ts';
import { freshId, headOf, Wire } from './wire.ts';

/** Where visits go and by what chance. */
export interface Visitor {
  readonly door: Door;
  readonly random: Random;
  readonly books: Books;
  /** `Cookie` lines of users: logged in, forged, expired. */
  readonly credentials: readonly string[];
}

export type Visit = (visitor: Visitor) => Promise<void>;

const CLOSE = 'Connection: close\r\n';

/** A whole body and its framing. */
function body(bytes: number, chunked: boolean): { readonly lines: string; readonly text: string } {
  const text = 'b'.repeat(bytes);
  if (!chunked) return { lines: `Content-Length: ${bytes}\r\n`, text };
  const half = Math.ceil(bytes / 2);
  const chunks = [text.slice(0, half), text.slice(half)].filter((chunk) => chunk !== '');
  const coded = [...chunks, ''].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
  return { lines: 'Transfer-Encoding: chunked\r\n', text: coded };
}

/** Some requests on a connection that is kept, by a user who keeps his home. */
async function kept({ door, random, books }: Visitor): Promise<void> {
  const wire = await Wire.open(door, 'kept', books);
  if (wire === null) return;
  let cookie = '';
  for (let left = 1 + random.below(20); left > 0 && wire.open; left--) {
    const id = freshId();
    const answer = await wire.ask(headOf('GET', '/sticky/small', id, cookie), id);
    const set = answer === null ? undefined : value(answer, 'set-cookie');
    if (set !== undefined) cookie = `Cookie: ${set.split(';')[0]}\r\n`;
    if (random.below(4) === 0) await sleep(random.below(20));
  }
  wire.client.destroy();
}

/** One request on a connection of its own. */
async function fresh({ door, random, books }: Visitor): Promise<void> {
  const wire = await Wire.open(door, 'fresh', books);
  if (wire === null) return;
  const id = freshId();
  const method = random.below(8) === 0 ? 'HEAD' : 'GET';
  const path = ['/small', '/stream', '/small'][random.below(3)]!;
  await wire.ask(headOf(method, path, id, CLOSE), id, method);
  wire.client.destroy();
}

/** Bodies of known and of unknown length, which the app counts. */
async function posts({ door, random, books }: Visitor): Promise<void> {
  const wire = await Wire.open(door, 'posts', books);
  if (wire === null) return;
  for (let left = 1 + random.below(5); left > 0 && wire.open; left--) {
    const id = freshId();
    const bytes = [0, 10, 4096, 200_000][random.below(4)]!;
    const { lines, text } = body(bytes, random.below(2) === 0);
    const expect = bytes > 0 && random.below(6) === 0;
    wire.client.send(headOf('POST', '/count', id, expect ? `${lines}Expect: 100-continue\r\n` : lines));
    wire.client.send(text);
    const answer = await wire.answer(id, 'POST');
    if (answer !== null && statusOf(answer) === 200 && answer.body.toString() !== String(bytes)) {
      books.wrong('posts', `${bytes} bytes were sent, the app counted ${answer.body}`);
    }
  }
  wire.client.destroy();
}

/** A head and a body that come in small pieces. */
async function slowWriter({ door, random, books }: Visitor): Promise<void> {
  const wire = await Wire.open(door, 'slow writer', books);
  if (wire === null) return;
  const id = freshId();
  const { lines, text } = body(600, random.below(2) === 0);
  await wire.client.sendByByte(headOf('POST', '/count', id, lines).slice(0, -1));
  wire.client.send('\n');
  for (let at = 0; at < text.length && wire.open; at += 100) {
    await sleep(5 + random.below(30));
    wire.client.send(text.slice(at, at + 100));
  }
  await wire.answer(id, 'POST');
  wire.client.destroy();
}

/** A body that is still on its way when it has its answer: the only one, however long the rest takes. */
async function outrun({ door, random, books }: Visitor): Promise<void> {
  const wire = await Wire.open(door, 'outrun', books);
  if (wire === null) return;
  const id = freshId();
  wire.client.send(headOf('POST', '/early', id, 'Content-Length: 1000\r\n'));
  const answer = await wire.answer(id, 'POST');
  for (let left = 10; answer !== null && left > 0 && wire.open; left--) {
    await sleep(random.below(120));
    wire.client.send('b'.repeat(100));
  }
  if (wire.client.received.length > 0) books.wrong('outrun', `told more: ${wire.client.text.slice(0, 200)}`);
  wire.client.destroy();
}

/** A large answer to a reader that stops and goes. */
async function slowReader({ door, random, books }: Visitor): Promise<void> {
  const wire = await Wire.open(door, 'slow reader', books);
  if (wire === null) return;
  const id = freshId();
  const { socket } = wire.client;
  const stops = setInterval(() => {
    if (socket.isPaused()) socket.resume();
    else socket.pause();
  }, 20);
  await wire.ask(headOf('GET', `/large?pieces=${20 + random.below(100)}`, id), id);
  clearInterval(stops);
  wire.client.destroy();
}

/** Several requests in one write; the answers come in their order. */
async function pipelined({ door, random, books }: Visitor): Promise<void> {
  const wire = await Wire.open(door, 'pipelined', books);
  if (wire === null) return;
  const ids = Array.from({ length: 2 + random.below(10) }, freshId);
  wire.client.send(
    ids.map((id) => headOf('GET', ['/small', '/stream', '/sticky/small'][random.below(3)]!, id)).join(''),
  );
  for (const [at, id] of ids.entries()) {
    // What stands behind the one that ended the connection may have been taken in as well.
    if ((await wire.answer(id)) === null || !wire.open) {
      books.broken += ids.length - at - 1;
      break;
    }
  }
  wire.client.destroy();
}

/** A WebSocket that echoes some, and is closed by either side. */
function webSocket({ door, random, books }: Visitor): Promise<void> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${urlOf(door, 'ws')}/sockets`, WS_OPTIONS);
    let left = random.below(10);
    let told = false;
    const kind = door.secure ? 'web socket by TLS' : 'web socket';
    socket.on('open', () => {
      told = true;
      books.answered(kind, 101);
      socket.send('0');
    });
    socket.on('message', () => {
      if (left-- > 0) socket.send(Buffer.alloc(1 + random.below(5000), 'w'));
      else if (random.below(3) === 0) socket.send('leave');
      else if (random.below(2) === 0) socket.close(1000);
      else socket.terminate();
    });
    socket.on('unexpected-response', (request, answer) => {
      const whole = (): void => {
        if (told) return;
        told = true;
        books.answered(kind, answer.statusCode ?? 0);
        request.destroy();
        resolve();
      };
      answer.resume();
      answer.on('end', whole);
      answer.on('close', () => {
        if (!told) books.broken++;
        told = true;
        resolve();
      });
    });
    // `close` follows every error.
    socket.on('error', () => {});
    socket.on('close', () => {
      if (!told) books.broken++;
      told = true;
      resolve();
    });
  });
}

/** What is no request, or one that may not pass: each is answered, and its connection is closed. */
const GARBAGE: readonly string[] = [
  'no request at all\r\n\r\n',
  'GET / HTTP/9.9\r\nHost: soak.test\r\n\r\n',
  'GET /small HTTP/1.1\r\n\r\n',
  'GET /small HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'POST /count HTTP/1.1\r\nHost: soak.test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc',
  'POST /count HTTP/1.1\r\nHost: soak.test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc',
  'POST /count HTTP/1.1\r\nHost: soak.test\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n',
  'GET /../../etc/passwd HTTP/1.1\r\nHost: soak.test\r\n\r\n',
  'TRACE / HTTP/1.1\r\nHost: soak.test\r\n\r\n',
  `GET /${'x'.repeat(9000)} HTTP/1.1\r\nHost: soak.test\r\n\r\n`,
  `GET /small HTTP/1.1\r\nHost: soak.test\r\nX-Long: ${'x'.repeat(70_000)}\r\n\r\n`,
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
];

async function garbage({ door, random, books }: Visitor): Promise<void> {
  const wire = await Wire.open(door, 'garbage', books);
  if (wire === null) return;
  await wire.ask(GARBAGE[random.below(GARBAGE.length)]!, '');
  wire.client.destroy();
}

/** What Limpet answers by itself, on a connection that goes on. */
async function ownAnswers({ door, random, books }: Visitor): Promise<void> {
  const wire = await Wire.open(door, 'own answers', books);
  if (wire === null) return;
  for (let left = 1 + random.below(6); left > 0 && wire.open; left--) {
    const id = freshId();
    const [method, path] = (
      [
        ['GET', '/nowhere'],
        ['DELETE', '/small'],
        ['GET', '/fixed'],
        ['GET', '/away'],
        ['GET', '/missing/of/the/app'],
      ] as const
    )[random.below(5)]!;
    await wire.ask(headOf(method, path, id), id, method);
  }
  if (wire.open) await wire.ask('OPTIONS * HTTP/1.1\r\nHost: soak.test\r\n\r\n', '', 'OPTIONS');
  wire.client.destroy();
}

/** Users who are logged in, and such as only say so. */
async function guarded({ door, random, books, credentials }: Visitor): Promise<void> {
  const wire = await Wire.open(door, 'guarded', books);
  if (wire === null) return;
  for (let left = 1 + random.below(8); left > 0 && wire.open; left--) {
    const id = freshId();
    const cookie = credentials[random.below(credentials.length)]!;
    await wire.ask(headOf('GET', '/guarded/small', id, cookie), id);
  }
  wire.client.destroy();
}

/** More at once than the pool takes: some wait in line, and some in vain. */
async function crowd({ door, random, books }: Visitor): Promise<void> {
  const one = async (): Promise<void> => {
    const wire = await Wire.open(door, 'crowd', books);
    if (wire === null) return;
    const id = freshId();
    await wire.ask(headOf('GET', `/tight/late?ms=${random.below(150)}`, id), id);
    wire.client.destroy();
  };
  await Promise.all(Array.from({ length: 6 }, one));
}

/** Those of them that are over soon, so that whoever drains lets each end: none of them may be cut or refused, nor answered by a fault. */
export const BRIEF_VISITS: readonly Visit[] = [kept, kept, fresh, posts, webSocket, ownAnswers, guarded];

/** The visits after which both books hold the very same, as long as nobody disturbs the apps. */
export const CALM_VISITS: readonly Visit[] = [
  kept,
  kept,
  kept,
  fresh,
  fresh,
  posts,
  slowWriter,
  slowReader,
  outrun,
  pipelined,
  webSocket,
  garbage,
  ownAnswers,
  guarded,
  crowd,
];
