// The stream of live states: who asks is told first, a state comes at once and each second, and one who does not read costs little.
import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { listenOn } from '../../src/admin/app.ts';
import { WATCHERS_MAX } from '../../src/admin/live-streams.ts';
import { until } from '../kit/named-app.ts';
import { makeAdmin } from './fake-view.ts';

const STREAM = { accept: 'text/event-stream' };

t.test(
  'a hello, the state at once, and then what each second brings; its end ends the watching',
  async (t) => {
    const { app, live } = makeAdmin();
    t.teardown(() => app.close());
    const url = await listenOn(app, { kind: 'tcp', host: '127.0.0.1', port: 0 });
    const leave = new AbortController();
    const response = await fetch(`${url}/api/v1/live`, { headers: STREAM, signal: leave.signal });
    t.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
    t.equal(response.headers.get('cache-control'), 'no-store');
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const read = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(text)) text += (await reader.read()).value;
    };
    await read(/event: live\n.*\n\n/);
    t.match(
      text,
      /^event: hello\ndata: \{"name":"local","access":"full","version":"0\.1\.0","started":"[^"]+"\}\n\n/,
    );
    t.equal(live.listeners.size, 1);
    for (const tell of live.listeners) tell({ ...live.snapshot(), uptimeS: 13 });
    await read(/"uptimeS":13/);
    leave.abort();
    await until('nobody watches', () => live.listeners.size === 0);
  },
);

t.test('a reader who takes nothing is given less, and let go; others have their states', async (t) => {
  const { app, live } = makeAdmin();
  t.teardown(() => app.close());
  const url = new URL(await listenOn(app, { kind: 'tcp', host: '127.0.0.1', port: 0 }));
  const lazy = connect(Number(url.port), '127.0.0.1');
  t.teardown(() => lazy.destroy());
  lazy.pause();
  lazy.write(`GET /api/v1/live HTTP/1.1\r\nHost: ${url.host}\r\nAccept: text/event-stream\r\n\r\n`);
  await until('it watches', () => live.listeners.size === 1);
  const large = { ...live.snapshot(), version: 'x'.repeat(1024 * 1024) };
  let told = 0;
  await until('it is let go', () => {
    for (const tell of live.listeners) tell(large);
    told++;
    return live.listeners.size === 0;
  });
  t.ok(told >= 30 && told < 200, `after ${told} states, of which few were kept for it`);
  await once(lazy.resume(), 'close');
});

t.test('no more watch at one time than there is room for', async (t) => {
  const { app, live } = makeAdmin();
  t.teardown(() => app.close());
  const url = await listenOn(app, { kind: 'tcp', host: '127.0.0.1', port: 0 });
  const leave = new AbortController();
  const open = () => fetch(`${url}/api/v1/live`, { headers: STREAM, signal: leave.signal });
  await Promise.all(Array.from({ length: WATCHERS_MAX }, open));
  t.equal(live.listeners.size, 1, 'a look is made once for all');
  const answer = await open();
  t.equal(answer.status, 503);
  t.equal(answer.headers.get('retry-after'), '10');
  t.match(await answer.json(), { error: { code: 'live.full' } });
  leave.abort();
  await until('all have left', () => live.listeners.size === 0);
});

t.test("the page's files: types, validators, and nothing else", async (t) => {
  const { app } = makeAdmin();
  const html = { accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8' };
  const page = await app.inject({ url: '/', headers: html });
  t.match(page, {
    statusCode: 200,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: /<title>Limpet/,
  });
  t.notMatch(
    page.body,
    /<style|style=|<script(?![^>]*src=)|\bon\w+=|https?:/,
    'nothing inline, no other host',
  );
  const etag = String(page.headers.etag);
  t.match(await app.inject({ url: '/', headers: { ...html, 'if-none-match': etag } }), {
    statusCode: 304,
    body: '',
  });
  t.match(await app.inject({ url: '/', headers: { accept: '*/*' } }), { body: /^Limpet's admin API/ });
  const named = [...page.body.matchAll(/(?:href|src)="(\/page\/[^"]+)"/g)].map(([, path]) => path!);
  t.ok(named.length >= 7);
  for (const path of named) {
    const answer = await app.inject({ url: path, headers: { 'accept-encoding': 'gzip' } });
    t.match(
      answer,
      { statusCode: 200, headers: { 'content-encoding': 'gzip', 'cache-control': 'no-cache' } },
      path,
    );
    const plain = await app.inject(path);
    t.not(plain.headers.etag, answer.headers.etag);
    t.equal(plain.headers['x-content-type-options'], 'nosniff');
  }
  for (const path of [
    '/page/tsconfig.json',
    '/page/index.html',
    '/page/',
    '/page/..%2fserver.ts',
    '/page/__proto__',
  ])
    t.equal((await app.inject(path)).statusCode, 404, path);
});
