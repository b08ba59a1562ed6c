// What is wrong with tokens in place of sessions and with their keys, told at its place, with what would be right.
import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { loadConfigText } from '../../src/config/load.ts';

const one = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const FILES: Readonly<Record<string, string>> = {
  'signing.pem': String(one.privateKey.export({ type: 'pkcs8', format: 'pem' })),
  'public.pem': String(one.publicKey.export({ type: 'spki', format: 'pem' })),
  'rsa.pem': String(
    generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
  ),
};

function load(token: string, rest = '') {
  const text = `listen: 8080
upstreams: [http://127.0.0.1:1]
${rest}
session:
  verify: cookie-session
  secrets: [a secret that is long enough]
  user: id
${token}`;
  return loadConfigText(text, 'limpet.yaml', {}, (path) => FILES[path] ?? '');
}
/** `severity path: message >> hint` of each problem, but for the warning that every config without keys has. */
const told = (token: string, rest = 'signing: { keys: { file: signing.pem } }'): string[] =>
  load(token, rest).problems.map(
    ({ severity, path, message, hint }) => `${severity} ${path}: ${message} >> ${hint}`,
  );
const pass = (inner: string): string => `  pass: { token: { ${inner} } }`;

t.test('the shortest is enough', async (t) => {
  t.same(told(pass('jwt: { audience: shop }')), []);
  const { config } = load(pass('jwt: { audience: shop }'), 'signing: { keys: { file: signing.pem } }');
  t.match(config?.sessions[0]?.pass.token, {
    field: 'Limpet-Token',
    issuer: 'limpet',
    audience: ['shop'],
    ttlS: 60,
    claims: [],
    withhold: false,
  });
  t.match(config?.signing, {
    algorithm: 'ES256',
    rotateMs: 86_400_000,
    maxAgeMs: 600_000,
    tokenMs: 60_000,
    keys: [{ algorithm: 'ES256', private: true }],
  });
});

t.test('without a key one is made, which is said', async (t) => {
  t.match(told(pass('jwt: { audience: shop }'), ''), [
    /^warning session.pass.token: without `signing.keys` one is made at start: apps must read .* >> signing: /,
  ]);
  t.match(load(pass('jwt: { audience: shop, ttl: 1h }'), '').config?.signing, {
    keys: [],
    tokenMs: 3_600_000,
  });
});

t.test('what is wrong is shown, since nothing of it is a secret', async (t) => {
  const { problems } = load(pass('field: X-Token, jwt: { audience: shop, ttl: 1s, secret: hushhush }'));
  const lines = problems.map(({ excerpt }) => excerpt?.text ?? '').join('\n');
  t.match(lines, /audience: shop, ttl: 1s/);
  t.notMatch(lines, /hushhush/);
});

t.test('where no session has a token nothing is signed', async (t) => {
  t.equal(load('').config?.signing, null);
  t.match(told(''), [/^warning signing: no session block makes tokens/]);
  t.match(told('', 'routes: [{ path: /keys, jwks: true }, { path: /, pool: default }]'), [
    /^error routes\[0\].jwks: no session block makes tokens, so there are no keys/,
  ]);
});

for (const [what, token, rest, expected] of [
  ['no audience', 'jwt: {}', undefined, /^error session.pass.token.jwt.*audience/],
  ['no jwt', 'field: X-Token', undefined, /^error session.pass.token.*jwt/],
  ['a life of days', 'jwt: { audience: a, ttl: 2d }', undefined, /ttl.* 1h/],
  ['a life of a second', 'jwt: { audience: a, ttl: 1s }', undefined, /ttl.* 5s/],
  [
    'an own claim',
    'jwt: { audience: a, claims: { sub: id } }',
    undefined,
    /claims.sub: "sub" is Limpet's own/,
  ],
  [
    'a claim from nowhere',
    'jwt: { audience: a, claims: { role: {} } }',
    undefined,
    /claims.role: this does not say/,
  ],
  [
    'a field that frames',
    'jwt: { audience: a }, field: Connection',
    undefined,
    /token.field: "Connection" frames/,
  ],
  [
    'the field of cookies',
    'jwt: { audience: a }, field: Cookie',
    undefined,
    /token.field: .*`Cookie` is one field/,
  ],
  [
    'the field of the verdict',
    'jwt: { audience: a }, field: Limpet-Session',
    undefined,
    /something else already/,
  ],
  [
    'the field of the user',
    'jwt: { audience: a }, field: limpet-user',
    undefined,
    /carries something else already/,
  ],
  [
    'an RSA key',
    'jwt: { audience: a }',
    'signing: { keys: { file: rsa.pem } }',
    /signing.keys.*: .*neither of P-256/,
  ],
  [
    'a public key that would sign',
    'jwt: { audience: a }',
    'signing: { keys: { file: public.pem } }',
    /can only verify/,
  ],
  [
    'a key that is turned over',
    'jwt: { audience: a }',
    'signing: { keys: { file: signing.pem }, rotate: 1h }',
    /`rotate` means nothing/,
  ],
  [
    'a key with an algorithm',
    'jwt: { audience: a }',
    'signing: { keys: { file: signing.pem }, algorithm: EdDSA }',
    /`algorithm` means nothing/,
  ],
  [
    'turns that are too short',
    'jwt: { audience: a }',
    'signing: { rotate: 15m }',
    /signing.rotate: a key is published for `maxAge`/,
  ],
  [
    'an unknown algorithm',
    'jwt: { audience: a }',
    'signing: { algorithm: RS256 }',
    /signing.algorithm.*ES256/,
  ],
] as const) {
  t.test(`${what} is told`, async (t) => {
    t.match(told(pass(token), rest).join('\n'), expected);
  });
}

t.test('keys that nobody can read are warned of', async (t) => {
  const rest = 'signing: { keys: { file: signing.pem } }\nadmin: false\n';
  t.match(told(pass('jwt: { audience: a }'), rest).join(), /^warning admin: .*nobody can read the keys/);
  const routes = 'routes: [{ path: /, pool: default, session: default }, { path: = /keys, jwks: true }]';
  t.same(told(pass('jwt: { audience: a }'), rest + routes), []);
});

t.test('what signs with every request is warned of', async (t) => {
  t.match(told(`  cache: false\n${pass('jwt: { audience: shop }')}`), [
    /^warning session.cache: where nothing is remembered, a token is signed for every request/,
  ]);
});

t.test('a public key may stand behind the one that signs', async (t) => {
  const keys = 'signing: { keys: [{ file: signing.pem }, { file: public.pem }] }';
  t.same(told(pass('jwt: { audience: a }'), keys), []);
});

t.test('a route says one thing, and `jwks` is true or not there', async (t) => {
  const routes = (route: string): string[] =>
    told(
      pass('jwt: { audience: a }'),
      `signing: { keys: { file: signing.pem } }\nroutes: [{ path: /, pool: default, session: default }, { path: /keys, ${route} }]`,
    );
  t.same(routes('jwks: true'), []);
  t.match(routes('jwks: false').join(), /routes\[1\].jwks: `jwks` is true, or is left out/);
  t.match(routes('jwks: true, respond: { body: x }').join(), /a route has one of/);
  t.match(routes('jwks: true, session: default').join(), /`session` means nothing for `jwks`/);
});

t.test('a key is never told, wherever it stands', async (t) => {
  const lines = FILES['rsa.pem']!.split('\n');
  for (const text of [
    `signing: { keys: ["hunter2hunter2"] }`,
    `signing:\n  keys: |\n${FILES['rsa.pem']!.replace(/^/gm, '    ')}`,
    `signing: { key: "hunter2hunter2", keys: { file: rsa.pem } }`,
  ]) {
    const said = JSON.stringify(load(pass('jwt: { audience: a }'), text).problems);
    t.ok(said.length > 2);
    t.notMatch(said, /hunter2/);
    t.notOk(said.includes(lines[5]!), 'a line of the key');
  }
});
