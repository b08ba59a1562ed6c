// What `limpet explain` says of a request that is checked for a session: each step and the reason, never a secret or a value.
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { run } from '../../src/cli/explain.ts';

const SECRET = 'the secret of the session block';
const folder = mkdtempSync(join(tmpdir(), 'limpet-explain-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'limpet.yaml');
writeFileSync(
  file,
  `listen: 8080
upstreams: [{ name: one, url: http://127.0.0.1:3001 }]
sessions:
  members:
    verify: cookie-session
    cookie: app.sess
    secrets: ["${SECRET}"]
    user: account.id
    exempt: [/login]
    onFail: { redirect: "/login?next={path}" }
    pass: { fields: { X-Plan: account.plan } }
  given: { verify: cookie-session, cookie: app.sess, secrets: ["${SECRET}"], user: account.id, pass: { token: { jwt: { audience: shop }, withhold: true } } }
  open: { verify: cookie-session, cookie: app.sess, secrets: ["${SECRET}"], user: account.id, require: nothing }
  stored: { verify: opaque, cookie: sid, user: id, store: "redis://:hunter2@127.0.0.1:1/0" }
  strict:
    verify: opaque
    cookie: sid
    user: id
    store: redis://127.0.0.1:1/0
    outage: { then: 503 }
    exempt: [/strict/login]
pools:
  homes:
    upstreams: [{ name: a, url: http://127.0.0.1:3002 }, { name: b, url: http://127.0.0.1:3003 }]
    affinity: { session: user }
routes:
  - { path: /given, pool: default, session: given }
  - { path: /homes, pool: homes, session: open }
  - { path: /, pool: default, session: members }
  - { path: /stored, pool: default, session: stored }
  - { path: /strict, pool: default, session: strict }
  - { path: /either, pool: default, session: [stored, members] }
`,
);

async function explain(url: string, ...headers: readonly string[]) {
  let out = '';
  const io = {
    cwd: folder,
    env: {},
    stdout: (text: string) => (out += text),
    stderr: (text: string) => (out += text),
  };
  const code = await run(['-c', file, '--json', 'GET', url, ...headers.flatMap((line) => ['-H', line])], io);
  const told = JSON.parse(out) as {
    status: number | null;
    code: string | null;
    affinity: string | null;
    choice: string | null;
    session: { name: string; verdict: string; reason: string; passed: boolean } | null;
    steps: { step: string; text: string }[];
  };
  const words = told.steps.filter(({ step }) => step === 'session').map(({ text }) => text);
  return { code, told, words: words.join('\n'), out };
}

function cookie(session: object): string {
  const value = Buffer.from(JSON.stringify(session)).toString('base64');
  const signature = createHmac('sha1', SECRET).update(`app.sess=${value}`).digest('base64url');
  return `Cookie: app.sess=${value}; app.sess.sig=${signature}`;
}

t.test('a token in place of a session is told by its field, and what is withheld', async (t) => {
  const { code, told, words, out } = await explain('/given', cookie({ account: { id: 4711 } }));
  t.equal(code, 0);
  t.match(words, 'the app is told Limpet-Session, Limpet-User, Limpet-Token');
  const fields = told.steps.filter(({ step }) => step === 'fields').map(({ text }) => text);
  t.match(fields.join(), /removed: Cookie/);
  t.notMatch(out, /eyJ/, 'and never by its value');
});

t.test('who is known passes, and it is said what the app is told, but no value', async (t) => {
  const { code, told, words, out } = await explain('/x', cookie({ account: { id: 4711, plan: 'platinum' } }));
  t.equal(code, 0);
  t.same(told.session, { name: 'members', verdict: 'valid', reason: 'user.known', passed: true });
  t.match(words, /members: cookie-session, require: login/);
  t.match(words, /the signature in the second cookie is checked/);
  t.match(words, /the app is told Limpet-Session, Limpet-User, X-Plan/);
  t.notMatch(out, /4711|platinum|the secret of/);
});

t.test('where a home is found by the session, it is said where, and what is not known here', async (t) => {
  const named = cookie({ account: { id: 4711 } });
  const known = await explain('/homes', named);
  t.equal(known.told.affinity, 'new');
  t.match(known.told.choice, /^[ab]$/);
  t.match(known.out, /the hash of the user leads there/);
  t.match(known.out, /only the running proxy knows whom it remembers elsewhere/);
  for (const session of [
    { account: { id: 4711 }, cart: 1 },
    { account: { id: 4711 }, cart: 2 },
  ])
    t.equal((await explain('/homes', cookie(session))).told.choice, known.told.choice, 'by the user alone');
  const choices = new Set<string | null>();
  for (let cart = 0; cart < 6; cart++) {
    const visitor = await explain('/homes', cookie({ cart }));
    t.match(visitor.out, /the hash of the session leads there/);
    choices.add(visitor.told.choice);
  }
  t.equal(choices.size, 2, 'visitors by their sessions');
  const nobody = await explain('/homes');
  t.same([nobody.told.choice, nobody.told.affinity], [null, 'none']);
  t.match(
    nobody.out,
    /the request shows no session, and one that the answer gives out lives where that came from/,
  );
});

t.test('who may not pass is told why, and what he is answered', async (t) => {
  const none = await explain('/a?b=c');
  t.equal(none.code, 1);
  t.same(none.told.session, {
    name: 'members',
    verdict: 'invalid',
    reason: 'credential.none',
    passed: false,
  });
  t.equal(none.told.status, 302);
  t.match(none.out, '302 session.none, to /login?next=/a%3Fb%3Dc');
  const visitor = await explain('/x', cookie({ cart: [] }));
  t.equal(visitor.told.code, 'session.login');
  const forged = await explain('/x', cookie({ account: { id: 1 } }).replace('sig=', 'sig=A'));
  t.equal(forged.told.session?.reason, 'signature.bad');
});

t.test('an exempt path passes all the same, and that is said', async (t) => {
  const { code, words } = await explain('/login');
  t.equal(code, 0);
  t.match(words, /the path needs no session/);
});

t.test('a store that is away is said to be, without its password', async (t) => {
  const { code, told, out } = await explain('/stored', 'Cookie: sid=abc');
  t.equal(code, 0);
  t.match(told.session, { verdict: 'unknown', passed: true });
  t.match(told.session?.reason, /^store\./);
  t.notMatch(out, /hunter2/);
});

t.test('where nobody passes whom a store that is away would have to judge, that is the answer', async (t) => {
  const { code, told, out } = await explain('/strict', 'Cookie: sid=abc');
  t.equal(code, 1);
  t.match(told.session, { name: 'strict', verdict: 'unknown', passed: false });
  t.same([told.status, told.code], [503, 'session.store-away']);
  t.match(out, /503 session.store-away: This needs a session/);
  t.equal((await explain('/strict/login', 'Cookie: sid=abc')).code, 0, 'a path that needs no session passes');
  t.equal((await explain('/strict')).told.status, 401, 'who shows nothing is judged without a store');
});

t.test('of several blocks the one that decides is named', async (t) => {
  const { told } = await explain('/either', cookie({ account: { id: 1 } }));
  t.same(told.session, { name: 'members', verdict: 'valid', reason: 'user.known', passed: true });
});
