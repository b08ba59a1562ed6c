// The kinds of traffic that end badly: clients that leave in every phase, apps that break their answers off.
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { Handshake, urlOf, WS_OPTIONS } from './door.ts';
import type { Visit, Visitor } from './traffic.ts';
import { freshId, headOf, Wire } from './wire.ts';

const hardly = ({ random }: Visitor): boolean => random.below(2) === 0;

/** Connects, may say a little, and leaves. */
async function midHead(visitor: Visitor): Promise<void> {
  const { door, random, books } = visitor;
  const wire = await Wire.open(door, 'mid head', books);
  if (wire === null) return;
  const head = headOf('GET', '/small', freshId());
  wire.client.send(head.slice(0, random.below(head.length - 1)));
  await sleep(random.below(40));
  wire.leave(0, hardly(visitor));
}

async function midBody(visitor: Visitor): Promise<void> {
  const { door, random, books } = visitor;
  const wire = await Wire.open(door, 'mid body', books);
  if (wire === null) return;
  const lines = random.below(2) === 0 ? 'Content-Length: 50000\r\n' : 'Transfer-Encoding: chunked\r\n';
  const begin = lines.startsWith('C') ? 'b'.repeat(random.below(40_000)) : 'c350\r\nbbbb';
  wire.client.send(headOf('POST', '/count', freshId(), lines) + begin);
  await sleep(random.below(40));
  wire.leave(1, hardly(visitor));
}

/** Asks, and does not wait: while the app thinks, or in line, or while the session is looked up. */
async function beforeAnswer(visitor: Visitor): Promise<void> {
  const { door, random, books, credentials } = visitor;
  const wire = await Wire.open(door, 'before answer', books);
  if (wire === null) return;
  const path = ['/late?ms=300', '/tight/late?ms=300', '/guarded/late?ms=100'][random.below(3)]!;
  wire.client.send(headOf('GET', path, freshId(), credentials[random.below(credentials.length)]!));
  await sleep(random.below(120));
  wire.leave(1, hardly(visitor));
}

async function midAnswer(visitor: Visitor): Promise<void> {
  const { door, random, books } = visitor;
  const wire = await Wire.open(door, 'mid answer', books);
  if (wire === null) return;
  wire.client.send(headOf('GET', ['/large?pieces=400', '/stream'][random.below(2)]!, freshId()));
  await wire.begun();
  if (random.below(2) === 0) wire.client.socket.pause();
  await sleep(random.below(30));
  wire.leave(1, hardly(visitor));
}

/** Several requests in one write, and nobody who waits for all of the answers. */
async function midPipeline(visitor: Visitor): Promise<void> {
  const { door, random, books } = visitor;
  const wire = await Wire.open(door, 'mid pipeline', books);
  if (wire === null) return;
  const count = 2 + random.below(10);
  wire.client.send(
    Array.from({ length: count }, () =>
      headOf('GET', ['/small', '/stream'][random.below(2)]!, freshId()),
    ).join(''),
  );
  await wire.begun();
  wire.leave(count, hardly(visitor));
}

/** Listens to events for a while. */
async function events(visitor: Visitor): Promise<void> {
  const { door, random, books } = visitor;
  const wire = await Wire.open(door, 'events', books);
  if (wire === null) return;
  wire.client.send(headOf('GET', '/events', freshId()));
  await wire.begun();
  await sleep(random.below(400));
  wire.leave(1, hardly(visitor));
}

/** A WebSocket that is dropped while it is opened, or with messages on their way. */
function droppedSocket({ door, random, books }: Visitor): Promise<void> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${urlOf(door, 'ws')}/sockets`, WS_OPTIONS);
    // The head may be on its way or not; if it is, it is not answered as far as anybody waits.
    books.broken++;
    socket.on('open', () => {
      for (let i = 0; i < 20; i++) socket.send(Buffer.alloc(20_000, 'w'));
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    setTimeout(() => socket.terminate(), random.below(30));
  });
}

/** Apps that break off, say nothing or say nonsense. */
async function badApp({ door, random, books }: Visitor): Promise<void> {
  const wire = await Wire.open(door, 'bad app', books);
  if (wire === null) return;
  const id = freshId();
  const path = ['/broken', '/torn', '/reset', '/nonsense'][random.below(4)]!;
  await wire.ask(headOf(random.below(2) === 0 ? 'GET' : 'POST', path, id, 'Content-Length: 0\r\n'), id);
  wire.client.destroy();
}

/** Says nothing at all, until Limpet has enough of it or he has. */
async function silent(visitor: Visitor): Promise<void> {
  const { door, random, books } = visitor;
  const wire = await Wire.open(door, 'silent', books);
  if (wire === null) return;
  await sleep(random.below(1500));
  wire.leave(0, hardly(visitor));
}

/** Begins a head and never ends it: is told 408. */
async function neverEnding({ door, books }: Visitor): Promise<void> {
  const wire = await Wire.open(door, 'never ending', books);
  if (wire === null) return;
  await wire.ask('GET /small HTTP/1.1\r\nHost: soak', '');
  wire.client.destroy();
}

/** Leaves in the middle of a handshake, or talks of something else where one is due; elsewhere the same is a client without a word. */
async function midHandshake({ door, random, books }: Visitor): Promise<void> {
  const handshake = await Handshake.begin(door.port, random.below(4) === 0 ? 'no hello\r\n\r\n' : null);
  if (door.secure) books.unsent++;
  // What is no hello is a head to others, and may be refused as one.
  else books.broken++;
  await sleep(random.below(20));
  handshake?.leave(random.below(2) === 0);
}

export const TROUBLED_VISITS: readonly Visit[] = [
  midHead,
  midBody,
  beforeAnswer,
  midAnswer,
  midPipeline,
  events,
  droppedSocket,
  badApp,
  silent,
  neverEnding,
  midHandshake,
];
