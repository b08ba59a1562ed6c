// What is wrong with a certificate by ACME is said with its place, and what would be right.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import t from 'tap';
import { loadConfigText } from '../../src/config/load.ts';
import { makePair } from '../kit/certificates.ts';

const own = makePair({ subject: '/CN=own authority', authority: true });
const PLAIN = '{ bind: 80, redirectToHttps: true }';

function load(acme: string, plain = PLAIN, tls = '') {
  const yaml = `listeners:\n  - { bind: 443, tls: { ${tls}acme: ${acme} } }\n${plain === '' ? '' : `  - ${plain}\n`}upstreams: [http://a:1]\n`;
  return loadConfigText(yaml, '/etc/limpet/limpet.yaml', { KEY: 'aGVsbG8td29ybGQ' }, (path) => {
    if (path === 'own.pem') return own.cert;
    if (path === 'text.pem') return '-----BEGIN NOTHING-----';
    throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
  });
}

t.test('the short form has every default', async (t) => {
  const { config, problems } = load(
    '{ names: [Shop.Example.com, bücher.example], agree: true, folder: acme }',
  );
  t.same(problems, []);
  t.same(config?.listeners[0]?.tls?.sources, []);
  t.same(config?.listeners[0]?.tls?.acme, {
    names: ['shop.example.com', 'xn--bcher-kva.example'],
    email: null,
    directory: 'https://acme-v02.api.letsencrypt.org/directory',
    folder: '/etc/limpet/acme',
    ca: null,
    eab: null,
    key: 'ecdsa',
    renewBeforeMs: null,
  });
});

t.test('the long form is taken whole', async (t) => {
  const { config, problems } = load(
    '{ names: [a.example], agree: true, folder: /data, email: ops@a.example, directory: "https://ca.internal:9000/acme/dir", ca: own.pem, eab: { keyId: me, secret: "${KEY}" }, key: rsa, renewBefore: 10d }',
  );
  t.same(problems, []);
  t.match(config?.listeners[0]?.tls?.acme, {
    email: 'ops@a.example',
    directory: 'https://ca.internal:9000/acme/dir',
    folder: '/data',
    ca: own.cert,
    eab: { keyId: 'me', secret: 'aGVsbG8td29ybGQ' },
    key: 'rsa',
    renewBeforeMs: 10 * 86_400_000,
  });
});

const REST = 'agree: true, folder: acme';
const WRONG: Readonly<Record<string, readonly [acme: string, path: string, said: RegExp]>> = {
  'no names': [`{ ${REST} }`, '', /`names` is missing/],
  'an empty list': [`{ names: [], ${REST} }`, '.names', /the list is empty/],
  'too many names': [
    `{ names: [${Array.from({ length: 101 }, (_, i) => `n${i}.example`).join(', ')}], ${REST} }`,
    '.names',
    /more than 100/,
  ],
  'a wildcard': [
    `{ names: ["*.a.example"], ${REST} }`,
    '.names[0]',
    /wildcard, which no authority gives out by HTTP-01/,
  ],
  'an address': [`{ names: [192.0.2.1], ${REST} }`, '.names[0]', /is an address/],
  'an address of version 6': [`{ names: ["[2001:db8::1]"], ${REST} }`, '.names[0]', /is an address/],
  'one label': [`{ names: [localhost], ${REST} }`, '.names[0]', /has no domain/],
  'a URL': [`{ names: ["https://a.example/"], ${REST} }`, '.names[0]', /is not a name of DNS/],
  'an underscore': [`{ names: [a_b.example], ${REST} }`, '.names[0]', /is not a name of DNS/],
  'a long label': [`{ names: [${'x'.repeat(64)}.example], ${REST} }`, '.names[0]', /is not a name of DNS/],
  'a name twice': [`{ names: [a.example, A.example], ${REST} }`, '.names[1]', /is there twice/],
  'no agreement': ['{ names: [a.example], folder: acme }', '', /`agree` is missing/],
  disagreement: ['{ names: [a.example], folder: acme, agree: false }', '.agree', /terms of service/],
  'no folder': ['{ names: [a.example], agree: true }', '', /`folder` is missing/],
  'no address of mail': [`{ names: [a.example], ${REST}, email: "ops" }`, '.email', /is no address/],
  'plain HTTP': [
    `{ names: [a.example], ${REST}, directory: "http://ca.internal/dir" }`,
    '.directory',
    /ACME goes by HTTPS/,
  ],
  'no URL': [`{ names: [a.example], ${REST}, directory: letsencrypt }`, '.directory', /is no URL/],
  'a user in the URL': [
    `{ names: [a.example], ${REST}, directory: "https://me:geheim@ca.internal/" }`,
    '.directory',
    /mean nothing to an authority/,
  ],
  'no authority in the file': [`{ names: [a.example], ${REST}, ca: text.pem }`, '.ca', /no authority/],
  'half a binding': [`{ names: [a.example], ${REST}, eab: { keyId: me } }`, '.eab', /`secret` is missing/],
  'a binding that is none': [
    `{ names: [a.example], ${REST}, eab: { keyId: me, secret: "not base64!" } }`,
    '.eab.secret',
    /no key in base64url/,
  ],
  'a renewal at once': [`{ names: [a.example], ${REST}, renewBefore: 1s }`, '.renewBefore', /1h/],
};

t.test('each mistake keeps it from starting', async (t) => {
  for (const [what, [acme, path, said]] of Object.entries(WRONG)) {
    const { config, problems } = load(acme);
    t.equal(config, null, what);
    t.match(problems[0], { severity: 'error', path: `listeners[0].tls.acme${path}` }, what);
    t.match(`${problems[0]?.message} ${problems[0]?.hint}`, said, what);
    t.notMatch(JSON.stringify(problems), /geheim|not base64!/, 'no secret is shown');
  }
});

t.test('without plain HTTP it warns, since somebody in front may have port 80', async (t) => {
  const acme = `{ names: [a.example], ${REST} }`;
  const { config, problems } = load(acme, '');
  t.not(config, null);
  t.match(problems, [
    { severity: 'warning', path: 'listeners[0].tls.acme', message: /no listener speaks plain HTTP/ },
  ]);
  t.same(load(acme, '{ bind: 8080 }').problems, []);
});
