// What is wrong with the TLS of a listener is said with its place, and what would be right.
import t from 'tap';
import { loadConfigText } from '../../src/config/load.ts';
import { makePair } from '../kit/certificates.ts';

const site = makePair({ names: ['site.test'] });
const other = makePair({ names: ['other.test'] });
const soon = makePair({ names: ['soon.test'], days: 3 });
const FILES: Readonly<Record<string, string>> = {
  'site.pem': site.cert,
  'site.key': site.key,
  'other.key': other.key,
  'soon.pem': soon.cert,
  'soon.key': soon.key,
  'text.pem': '-----BEGIN NOTHING-----',
};

function load(tls: string, rest = '') {
  const yaml = `listeners:\n  - { bind: 8443, ${rest}tls: ${tls} }\nupstreams: [http://a:1]\n`;
  return loadConfigText(yaml, '/etc/limpet/limpet.yaml', { PASS: 'hunter2hunter2' }, (path) => {
    const text = FILES[path];
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return text;
  });
}

const PAIR = '{ cert: site.pem, key: site.key }';

t.test('the contract’s shape has every default, and absolute paths', async (t) => {
  const { config, problems } = load(`{ certificates: [${PAIR}] }`);
  t.same(problems, []);
  t.match(config?.listeners[0]?.tls, {
    sources: [{ kind: 'files', cert: '/etc/limpet/site.pem', key: '/etc/limpet/site.key', passphrase: null }],
    watch: true,
    clientAuth: 'none',
    ca: null,
    minVersion: 'TLSv1.2',
    tickets: { lifetimeMs: 3_600_000, rotateMs: 86_400_000 },
    handshakeTimeoutMs: 10_000,
    handshakes: 1000,
    hsts: null,
  });
  t.notMatch(JSON.stringify(config), /PRIVATE KEY/, 'no key is in the config');
});

t.test('hsts takes true, a time, or its parts', async (t) => {
  const hsts = (value: string) =>
    load(`{ certificates: [${PAIR}], hsts: ${value} }`).config?.listeners[0]?.tls?.hsts;
  t.equal(hsts('true'), 'max-age=31536000');
  t.equal(hsts('5m'), 'max-age=300');
  t.equal(
    hsts('{ maxAge: 730d, includeSubDomains: true, preload: true }'),
    'max-age=63072000; includeSubDomains; preload',
  );
  t.equal(hsts('false'), null);
});

const WRONG: Readonly<Record<string, readonly [tls: string, said: RegExp]>> = {
  'no certificate': ['{}', /`certificates` is missing/],
  'an empty list': ['{ certificates: [] }', /the list is empty/],
  'a certificate without its key': [
    '{ certificates: [{ cert: site.pem }] }',
    /a certificate and its key belong together/,
  ],
  'a folder beside a file': ['{ certificates: [{ folder: tls, cert: site.pem }] }', /`folder` stands alone/],
  'a file that is not there': [
    '{ certificates: [{ cert: gone.pem, key: site.key }] }',
    /"gone.pem" does not exist/,
  ],
  'a key of another': [
    '{ certificates: [{ cert: site.pem, key: other.key }] }',
    /does not belong to the certificate/,
  ],
  'a file that is none': [
    '{ certificates: [{ cert: text.pem, key: site.key }] }',
    /holds no certificate in PEM/,
  ],
  'required without ca': [`{ certificates: [${PAIR}], clientAuth: required }`, /without `ca` nobody/],
  'ca without clientAuth': [`{ certificates: [${PAIR}], ca: site.pem }`, /no client is asked/],
  'an old version': [`{ certificates: [${PAIR}], minVersion: 1.1 }`, /TLS 1.1 is broken/],
  'ciphers that nobody knows': [`{ certificates: [${PAIR}], ciphers: NONSENSE }`, /OpenSSL knows none/],
  'preload for a day': [
    `{ certificates: [${PAIR}], hsts: { maxAge: 1d, preload: true } }`,
    /the lists of browsers/,
  ],
};

t.test('each mistake keeps it from starting', async (t) => {
  for (const [what, [tls, said]] of Object.entries(WRONG)) {
    const { config, problems } = load(tls);
    t.equal(config, null, what);
    t.match(problems, [{ severity: 'error', message: said, line: 2 }], what);
  }
});

t.test('what is doubtful only warns: a certificate that ends soon, a name that is there twice', async (t) => {
  const ends = load('{ certificates: [{ cert: soon.pem, key: soon.key }] }');
  t.ok(ends.config);
  t.match(ends.problems, [
    { severity: 'warning', message: /ends in 2 days/, path: 'listeners[0].tls.certificates[0].cert' },
  ]);
  const twice = load(`{ certificates: [${PAIR}, ${PAIR}] }`);
  t.match(twice.problems, [
    {
      severity: 'warning',
      message: /"site.test" is covered by/,
      path: 'listeners[0].tls.certificates[1].cert',
    },
  ]);
});

t.test('a listener of HTTPS redirects nobody to HTTPS', async (t) => {
  t.match(load(`{ certificates: [${PAIR}] }`, 'redirectToHttps: true, ').problems, [
    { message: /speaks HTTPS itself/ },
  ]);
});

t.test('a passphrase is never shown, also where its key is misspelt', async (t) => {
  for (const key of ['passphrase', 'passphras']) {
    const { problems } = load(
      `{ certificates: [{ cert: site.pem, key: gone.key, ${key}: hunter2hunter2 }] }`,
    );
    t.ok(problems.length > 0);
    t.notMatch(JSON.stringify(problems), /hunter2/);
  }
});
