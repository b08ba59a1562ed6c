// How a token is understood: as each session block would read it, and by the digests under which its verdicts are remembered.
import { hash } from 'node:crypto';
import { sign } from 'cookie-signature';
import t from 'tap';
import { loadConfigText } from '../../../src/config/load.ts';
import { digestOf } from '../../../src/session/revocation/digest-words.ts';
import { OrderReader } from '../../../src/session/revocation/order.ts';

const { config } = loadConfigText(
  `listen: 8080
upstreams: [http://127.0.0.1:1]
sessions:
  express: { verify: express-session, secrets: [a secret that is long enough], user: id, store: "redis://127.0.0.1" }
  cookies: { verify: cookie-session, secrets: [a secret that is long enough], user: id }
  api: { verify: { jwt: { algorithms: HS256 } }, secrets: [a secret that is at least as long as it must be], user: sub }
`,
  'limpet.yaml',
  {},
  () => '',
);
const reader = new OrderReader(config!.sessions);
const read = (token: string) => reader.read({ kind: 'token', token }, 1_700_000_000);

t.test('a cookie’s value stands for the session in it, encoded or not', async (t) => {
  const signed = `s:${sign('the-id', 'a secret that is long enough')}`;
  for (const token of [
    signed,
    encodeURIComponent(signed),
    `connect.sid=${encodeURIComponent(signed)}`,
    `a=b; connect.sid=${encodeURIComponent(signed)}`,
  ]) {
    const { digests, understood } = read(token);
    t.ok(understood.includes('cookie of express'), token);
    t.equal(digests[0], digestOf('the-id'), 'which goes by the same digest as the id itself');
  }
  t.equal(reader.read({ kind: 'session', session: 'the-id' }, 0).digests[0], digestOf('the-id'));
});

t.test('a session of two cookies is read from both', async (t) => {
  const { understood } = read(`session=eyJpZCI6N30=; session.sig=${'A'.repeat(27)}`);
  t.ok(understood.includes('cookie of cookies'), understood.join());
  t.notOk(read('eyJpZCI6N30=').understood.includes('cookie of cookies'), 'and not from one');
});

t.test('a bearer token, its digest and its id', async (t) => {
  const jwt = `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${Buffer.from('{"sub":"7"}').toString('base64url')}.${'A'.repeat(43)}`;
  const whole = read(jwt);
  t.ok(whole.understood.includes('bearer token of api'), whole.understood.join());
  t.ok(whole.digests.includes(digestOf(jwt)));
  const byDigest = read(hash('sha256', jwt));
  t.ok(byDigest.understood.includes('digest'));
  t.ok(byDigest.digests.includes(digestOf(jwt)), 'which is how sha256sum prints it');
  t.same(read('jti-1').understood, ['id']);
  t.ok(read('jti-1').digests.includes(digestOf('jti-1')));
});

t.test('whatever is typed is a name, and nothing throws', async (t) => {
  for (const token of [
    '\0',
    'a\r\nb',
    '=',
    ';',
    '; ;',
    'ü',
    '\ud800',
    '%',
    '%zz',
    'a'.repeat(8192),
    'e30.e30.',
    '....',
    'connect.sid=1; connect.sid=2',
  ]) {
    const { digests, understood } = read(token);
    t.ok(
      digests.length > 0 && digests.length <= 16 && understood.includes('id'),
      JSON.stringify(token).slice(0, 40),
    );
    for (const digest of digests) t.equal(digest.length, 32);
  }
});
