// Pairs and folders are read as operators mean them, and what is wrong is said of the file that is to blame.
import t from 'tap';
import { expiryWarning, readCertificate } from '../../src/certificates/certificate.ts';
import { CertificateBook } from '../../src/certificates/certificate-book.ts';
import type { ListenerCertificates } from '../../src/certificates/context-table.ts';
import { groupByName, groupFor } from '../../src/certificates/names.ts';
import { type CertificateFiles, readSource } from '../../src/certificates/read-source.ts';
import { makePair } from '../kit/certificates.ts';

/** A minute from now: what is made for this test is valid by then. */
const NOW = Date.now() + 60_000;
const DAY = 86_400_000;
const root = makePair({ subject: '/CN=root', authority: true });
const middle = makePair({ subject: '/CN=middle', issuer: root, authority: true });
const leaf = makePair({ names: ['Shop.test', '*.shop.test'], issuer: middle });
const rsa = makePair({ names: ['shop.test'], keyType: 'rsa' });
const other = makePair({ names: ['other.test'] });
const short = makePair({ names: ['short.test'], days: 3 });

const said = (cert: string, key: string, passphrase: string | null = null): string[] =>
  readCertificate(cert, key, passphrase, NOW).problems.map(
    ({ severity, at, message }) => `${severity} ${at}: ${message}`,
  );

t.test('a pair is read whole: names, chain, kind of key, time', async (t) => {
  const { certificate, problems } = readCertificate(leaf.cert + middle.cert, leaf.key, null, NOW);
  t.same(problems, []);
  t.match(certificate, { names: ['shop.test', '*.shop.test'], keyType: 'ec' });
  t.equal(certificate!.cert.match(/BEGIN CERTIFICATE/g)!.length, 2);
  t.ok(Math.abs(certificate!.notAfterMs - NOW - 30 * DAY) < DAY);
  t.equal(readCertificate(rsa.cert, rsa.key, null, NOW).certificate!.keyType, 'rsa');
});

t.test('what is wrong is said of the file that is to blame', async (t) => {
  t.same(said('nothing', leaf.key), ['error cert: this file holds no certificate in PEM']);
  t.same(said(leaf.cert, 'nothing'), ['error key: this file holds no private key in PEM']);
  t.same(said(leaf.cert.replace(/\n[A-Za-z0-9+/]{64}/, '\nAAAA'), leaf.key), [
    'error cert: certificate 1 of this file cannot be read',
  ]);
  t.same(said(leaf.cert, other.key), ['error key: this key does not belong to the certificate']);
  t.same(said(middle.cert + leaf.cert, leaf.key), [
    'error cert: the key belongs to certificate 2 of this file, which must be the first',
  ]);
  t.match(said(leaf.cert.repeat(11), leaf.key)[0], /holds 11 certificates/);
});

t.test('what is doubtful is a warning', async (t) => {
  t.match(said(leaf.cert + root.cert, leaf.key), [
    /^warning cert: certificate 2 of this file is not that of the issuer of certificate 1/,
  ]);
  t.match(said(short.cert, short.key), [/^warning cert: this certificate ends in 2 days/]);
  const nameless = makePair({ subject: '/CN=nameless' });
  t.match(said(nameless.cert, nameless.key), [/^warning cert: this certificate names no host/]);
  t.equal(expiryWarning(NOW + 15 * DAY, NOW), null);
  t.match(expiryWarning(NOW + 14 * DAY, NOW), /ends in 14 days/);
  t.match(expiryWarning(NOW + 1000, NOW), /ends within a day/);
  t.match(expiryWarning(NOW - 1000, NOW), /has expired/);
});

t.test('an encrypted key needs its passphrase, and is quoted nowhere', async (t) => {
  const { createPrivateKey } = await import('node:crypto');
  const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' } as const;
  const encrypted = createPrivateKey(leaf.key).export(options).toString();
  t.same(said(leaf.cert, encrypted), ['error key: this key is encrypted']);
  t.same(said(leaf.cert, encrypted, 'wrong'), ['error key: this key cannot be read with this passphrase']);
  const { certificate } = readCertificate(leaf.cert, encrypted, 'open sesame', NOW);
  t.match(certificate!.key, /BEGIN PRIVATE KEY/);
});

t.test('a folder is read under any of the names that tools give', async (t) => {
  const pair = { cert: leaf.cert, key: leaf.key };
  const tree: Record<string, string> = {
    'tls/a.crt': pair.cert,
    'tls/a.key': pair.key,
    'tls/both.pem': other.cert + other.key,
    'tls/live/fullchain.pem': rsa.cert,
    'tls/live/privkey.pem': rsa.key,
    'tls/live/cert.pem': rsa.cert,
    'tls/secret/tls.crt': short.cert,
    'tls/secret/tls.key': short.key,
    'tls/.hidden/tls.crt': 'no certificate',
    'tls/readme.txt': 'no certificate',
  };
  const files: CertificateFiles = {
    read: (path) => tree[path] ?? missing(),
    list: (path) => {
      const names = Object.keys(tree).flatMap((file) =>
        file.startsWith(`${path}/`) ? [file.slice(path.length + 1)] : [],
      );
      return [...new Set(names.map((name) => name.replace(/\/.*/, '/')))];
    },
  };
  const { certificates, problems } = readSource({ kind: 'folder', folder: 'tls' }, files, NOW, String);
  t.same(
    problems.map(({ severity }) => severity),
    ['warning'],
    'only that one ends soon',
  );
  t.same(
    certificates.map(({ names }) => names[0]),
    ['shop.test', 'other.test', 'shop.test', 'short.test'],
  );
  const empty = readSource({ kind: 'folder', folder: 'none' }, { ...files, list: () => [] }, NOW, String);
  t.match(empty.problems, [{ severity: 'error', message: /holds no certificate/ }]);
  const gone = readSource(
    { kind: 'files', cert: 'x', key: 'y', passphrase: null },
    files,
    NOW,
    () => 'does not exist',
  );
  t.match(gone.problems, [{ at: 'cert', message: '"x" does not exist' }, { at: 'key' }]);
});

function missing(): never {
  throw Object.assign(new Error('missing'), { code: 'ENOENT' });
}

t.test(
  'a name has one certificate of each kind of key, and the first of all serves who is unknown',
  async (t) => {
    const all = [other, leaf, rsa, leaf].map(
      ({ cert, key }) => readCertificate(cert, key, null, NOW).certificate!,
    );
    const { byName, first, clashes } = groupByName(all);
    t.same(first, [0]);
    t.same(groupFor(byName, 'shop.test'), [1, 2]);
    t.same(groupFor(byName, 'a.shop.test'), [1]);
    t.equal(groupFor(byName, 'a.b.shop.test'), null, 'a star is one label');
    t.equal(groupFor(byName, '.shop.test'), null);
    t.same(
      clashes.map(({ name }) => name),
      ['shop.test', '*.shop.test'],
    );
  },
);

t.test('the book tells of what changed, keeps the order of providers, and rotates keys', async (t) => {
  const told: ListenerCertificates[] = [];
  const book = new CertificateBook({ onChange: (state) => told.push(state) });
  const [one, two] = [other, leaf].map(({ cert, key }) => readCertificate(cert, key, null, NOW).certificate!);
  book.set('main', 'files', [one!]);
  book.set('main', 'acme', [two!]);
  book.set('main', 'files', [one!]);
  t.equal(told.length, 2, 'what is as it was is told to nobody');
  t.same(
    told[1]!.certificates.map(({ names }) => names[0]),
    ['other.test', 'shop.test'],
  );
  t.same(told[0]!.ticketKey, told[1]!.ticketKey, 'new certificates cost no ticket');
  t.equal(told[0]!.ticketKey.length, 48);
  book.rotate('main');
  t.notSame(told[2]!.ticketKey, told[1]!.ticketKey);
  t.same(book.states, [told[2]]);
  book.keep(new Set());
  t.same(book.states, []);
});
