// Real apps of five kinds behind one Limpet: logins stay, uploads and downloads arrive whole, events arrive at once.
import { createHash, randomBytes } from 'node:crypto';
import t from 'tap';
import { request } from 'undici';
import { type AppKind, startApp, User } from '../kit/apps.ts';
import { startLimpet } from '../kit/limpet.ts';

const kinds: readonly AppKind[] = ['express', 'fastify', 'http', 'php', 'python'];
const names = ['red', 'green', 'blue'];
const apps = await Promise.all(
  kinds.flatMap((kind) => names.map((name) => startApp(kind, `${kind}-${name}`))),
);
const limpet = await startLimpet({
  pools: Object.fromEntries(
    kinds.map((kind) => [
      kind,
      {
        upstreams: apps.filter((app) => app.name.startsWith(kind)).map(({ url, name }) => ({ url, name })),
        affinity: { cookie: { name: 'limpet', secrets: ['a secret for these tests only, 32+'] } },
      },
    ]),
  ),
  routes: kinds.map((kind) => ({ host: `${kind}.example`, path: '/', pool: kind })),
});
const user = (kind: AppKind) => new User(limpet.url, `${kind}.example`);
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

for (const kind of kinds) {
  t.test(`${kind}: a login stays, whatever the other users do`, async (t) => {
    const users = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const one = user(kind);
        return { one, name: `user-${i}`, home: await one.login(`user-${i}`) };
      }),
    );
    t.ok(new Set(users.map(({ home }) => home)).size > 1, 'the users are spread');
    for (let round = 0; round < 4; round++) {
      const replies = await Promise.all(users.map(({ one }) => one.ask('/me')));
      t.same(
        replies.map(({ status, json }) => [status, json.user, json.app]),
        users.map(({ name, home }) => [200, name, home]),
        `round ${round}: everybody is logged in, at home`,
      );
    }
    t.equal((await user(kind).ask('/me')).status, 401, 'and a stranger is not');
  });

  t.test(`${kind}: the app does not see the affinity cookie, nor the client its name`, async (t) => {
    const one = user(kind);
    const home = await one.login('somebody');
    const cookie = one.cookies.get('limpet') ?? '';
    t.ok(cookie.length > 0, 'there is one');
    t.notOk(
      cookie.includes(home) || Buffer.from(cookie, 'base64url').toString('latin1').includes(home),
      'it reveals no name',
    );
    const reply = await one.ask('/me');
    t.equal(
      reply.headers['set-cookie']?.toString().includes('limpet=') ?? false,
      false,
      'it is not set again',
    );
  });

  t.test(`${kind}: an upload and a download of 4 MiB arrive whole`, async (t) => {
    const bytes = randomBytes(4 << 20);
    const one = user(kind);
    const up = await one.ask('/upload', {
      body: bytes,
      headers: { 'content-type': 'application/octet-stream' },
    });
    t.same(up.json, { bytes: bytes.length, sha256: sha256(bytes) }, 'up');
    const down = await one.ask(`/download?bytes=${4 << 20}`);
    t.equal(down.body.length, 4 << 20, 'down');
    t.equal(sha256(down.body), sha256(Buffer.alloc(4 << 20, 'limpet ')), 'byte for byte');
  });
}

for (const kind of ['express', 'fastify', 'http'] as const) {
  t.test(`${kind}: an upload of unknown length arrives whole`, async (t) => {
    const bytes = randomBytes(1 << 20);
    async function* pieces() {
      for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
    }
    const up = await user(kind).ask('/upload', {
      body: pieces(),
      headers: { 'content-type': 'application/octet-stream' },
    });
    t.same(up.json, { bytes: bytes.length, sha256: sha256(bytes) });
  });
}

for (const kind of ['express', 'fastify', 'http', 'python'] as const) {
  t.test(`${kind}: server-sent events are passed on as they happen`, async (t) => {
    const one = user(kind);
    await one.login('listener');
    const events = await request(`${limpet.url}/events`, { headers: one.headers });
    t.equal(events.statusCode, 200);
    let text = '';
    for await (const piece of events.body) {
      text += piece;
      if (text.includes('tick')) break;
      // The second event is asked for only once the first one is here: a proxy that holds bytes back never gets it.
      if (text.endsWith('data: hello\n\n'))
        await one.ask('/tick', {
          method: 'POST',
          body: '',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        });
    }
    t.match(text, /^data: hello\n\ndata: tick\n\n/);
  });
}
