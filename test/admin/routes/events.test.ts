// The stream of events: what happens is told at once and in order, what was missed is told again, and no reader can cost more than its share.
import { once } from 'node:events';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { listenOn } from '../../../src/admin/app.ts';
import { STREAMS_MAX } from '../../../src/admin/event-streams.ts';
import type { HouseEvent } from '../../../src/observe/event-hub.ts';
import { until } from '../../kit/named-app.ts';
import { LOOPBACK, makeAdmin } from '../fake-view.ts';

type Owner = Pick<Test, 'teardown'>;

async function startAdmin(t: Owner) {
  const { app, view } = makeAdmin();
  t.teardown(() => app.close());
  return { app, events: view.events, url: await listenOn(app, LOOPBACK) };
}

/** A reader of the stream: all that it was sent so far. */
async function read(t: Owner, url: string, headers: Record<string, string> = {}, query = '') {
  const leave = new AbortController();
  t.teardown(() => leave.abort());
  const response = await fetch(`${url}/api/v1/events${query}`, { headers, signal: leave.signal });
  const reader = { response, text: '', over: '', leave: () => leave.abort() };
  void (async () => {
    try {
      const decoder = new TextDecoder();
      for await (const piece of response.body!) reader.text += decoder.decode(piece, { stream: true });
      reader.over = 'ended';
    } catch {
      reader.over = 'cut';
    }
  })();
  await until('it has begun', () => reader.text.includes('retry:'));
  return reader;
}

/** The ids of the events in a stream's text, each of which must be whole and say the same in all its lines. */
function idsIn(t: Test, text: string): number[] {
  const events = text.split('\n\n').filter((block) => block.startsWith('id: '));
  const ids = events.map((block) => Number(/^id: (\d+)\n/.exec(block)?.[1]));
  const agreed = events.filter((block, i) => {
    const [, event, data = ''] = block.split('\n');
    const told = JSON.parse(data.slice('data: '.length)) as HouseEvent;
    return told.id === ids[i] && event === `event: ${told.kind}` && block.split('\n').length === 3;
  });
  t.equal(agreed.length, events.length, 'every event is whole');
  return ids;
}

t.test('who listens is told what happens, and not what happened before', async (t) => {
  const { url, events } = await startAdmin(t);
  events.publish('health', 'warn', 'shop/blue is down', { pool: 'shop', upstream: 'blue' });
  const reader = await read(t, url);
  t.equal(reader.response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  t.equal(reader.response.headers.get('cache-control'), 'no-store');
  t.equal(reader.response.headers.get('x-content-type-options'), 'nosniff');
  events.publish('reload', 'info', 'a line\nbreak', { generation: 2 });
  events.publish('worker', 'error', 'third');
  await until('both are told', () => reader.text.includes('third'));
  t.same(idsIn(t, reader.text), [2, 3]);
  t.match(reader.text, '"text":"a line\\nbreak","fields":{"generation":2}');
});

t.test('who comes back is told what was missed', async (t) => {
  const { url, events } = await startAdmin(t);
  for (let i = 1; i <= 5; i++) events.publish('health', 'info', `event ${i}`);
  const back = await read(t, url, { 'last-event-id': '3' });
  t.same(idsIn(t, back.text), [4, 5]);
  t.notMatch(back.text, 'event: gap');
  t.same(idsIn(t, (await read(t, url, {}, '?after=0')).text), [1, 2, 3, 4, 5]);
  t.same(idsIn(t, (await read(t, url, { 'last-event-id': '5' })).text), []);
  const ofAnotherProcess = await read(t, url, { 'last-event-id': '900' });
  t.same(idsIn(t, ofAnotherProcess.text), [1, 2, 3, 4, 5], 'ids of an earlier process mean nothing here');
});

t.test('who comes back too late is told how much is lost', async (t) => {
  const { url, events } = await startAdmin(t);
  for (let i = 1; i <= 510; i++) events.publish('health', 'info', `event ${i}`);
  const reader = await read(t, url, { 'last-event-id': '3' });
  t.match(reader.text, 'event: gap\ndata: {"lost":7}\n\nid: 11\n');
  t.equal(idsIn(t, reader.text).length, 500);
});

t.test('an id that is none is refused', async (t) => {
  const { app } = makeAdmin();
  for (const written of ['x', '-1', '1.5', '']) {
    const answer = await app.inject({ url: '/api/v1/events', headers: { 'last-event-id': written } });
    t.equal(answer.statusCode, 400, written);
    t.equal(answer.json().error.code, 'events.after');
  }
});

t.test('there is room for so many readers, and who leaves makes room', async (t) => {
  const { url } = await startAdmin(t);
  const readers = [];
  for (let i = 0; i < STREAMS_MAX; i++) readers.push(await read(t, url));
  const refused = await fetch(`${url}/api/v1/events`);
  t.equal(refused.status, 503);
  t.equal(refused.headers.get('retry-after'), '10');
  t.match(await refused.json(), { error: { code: 'events.full' } });
  readers[0]!.leave();
  await until('there is room again', async () => {
    const leave = new AbortController();
    const { status } = await fetch(`${url}/api/v1/events`, { signal: leave.signal });
    leave.abort();
    return status === 200;
  });
});

t.test('a reader that does not read is cut, and the others do not notice', async (t) => {
  const { url, events } = await startAdmin(t);
  const reader = await read(t, url);
  const port = Number(new URL(url).port);
  const idle = connect(port, '127.0.0.1');
  t.teardown(() => idle.destroy());
  idle.write(`GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  await once(idle, 'readable');
  idle.read();
  idle.pause();
  let cut = false;
  idle.on('close', () => {
    cut = true;
  });
  idle.on('error', () => {});
  const long = 'x'.repeat(200_000);
  let told = 0;
  // The system's own buffers take some megabytes before anything waits here.
  for (; told < 1000 && reader.over === ''; told++) {
    events.publish('health', 'info', long);
    await until('the other has it', () => reader.text.includes(`id: ${told + 1}\n`) || reader.over !== '');
    reader.text = reader.text.slice(-1000);
    if (told % 10 === 9) {
      // A byte to a socket that was destroyed tells the client's side.
      idle.write('x');
      await new Promise((resolve) => setImmediate(resolve));
      if (cut || idle.destroyed) break;
    }
  }
  t.ok(cut || idle.destroyed, `it is cut after ${told} events`);
  t.equal(reader.over, '');
});

t.test('an idle stream is kept alive by comments', async (t) => {
  const { EventStreams } = await import('../../../src/admin/event-streams.ts');
  const { view } = makeAdmin();
  const streams = new EventStreams(view.events, 5);
  const { createServer } = await import('node:http');
  const server = createServer((_request, response) => streams.add(response, null));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number }; // it listens on a port
  const reader = await read(t, `http://127.0.0.1:${port}`);
  await until('three came', () => reader.text.split('\n\n:').length >= 3);
  t.same(idsIn(t, reader.text), []);
  streams.close();
  await until('it ends well', () => reader.over === 'ended');
});

t.test('at the end of the process streams end and hold nothing up', async (t) => {
  const { app, url } = await startAdmin(t);
  const reader = await read(t, url);
  await app.close();
  await until('it ended', () => reader.over !== '');
  t.equal(reader.over, 'ended');
});
