// What holds of a key ring: which keys can be used, what revokes them, and when it is read again.
import { rmSync } from 'node:fs';
import t from 'tap';
import { KeyRing } from '../../../src/session/crypto/key-ring.ts';
import { ringKey, writeKey, writeRevocation } from '../formats/aspnet-kit.ts';

const [one, two, three] = [ringKey('one'), ringKey('two'), ringKey('three')];

t.test('keys are found by their id, with their algorithms', (t) => {
  const folder = t.testdir();
  writeKey(folder, one);
  writeKey(folder, ringKey('two', { bits: 128, mode: 'GCM' }));
  writeKey(folder, ringKey('three', { bits: 192, hash: 'sha512' }));
  const ring = new KeyRing(folder, 'at');
  t.match(ring.find(one.id), { cipher: 'aes-256-cbc', digest: 'sha256', revoked: false });
  t.strictSame(ring.find(one.id)?.master, one.master);
  t.match(ring.find(two.id), { cipher: 'aes-128-gcm' });
  t.match(ring.find(three.id), { cipher: 'aes-192-cbc', digest: 'sha512' });
  t.equal(ring.find('none'), null);
  t.end();
});

t.test('a revoked key stays revoked, the others are good', (t) => {
  const folder = t.testdir();
  writeKey(folder, one);
  writeKey(folder, two);
  writeRevocation(folder, one.id, '2026-11-02T00:00:00Z');
  const ring = new KeyRing(folder, 'at');
  t.equal(ring.find(one.id)?.revoked, true);
  t.equal(ring.find(two.id)?.revoked, false);
  t.end();
});

t.test('a revocation of all keys reaches those made before it, and no later ones', (t) => {
  const folder = t.testdir();
  writeKey(folder, one, '2026-11-01T00:00:00Z');
  writeKey(folder, two, '2026-11-02T00:00:00Z');
  writeKey(folder, three, 'no date');
  writeRevocation(folder, '*', '2026-11-02T00:00:00Z');
  const ring = new KeyRing(folder, 'at');
  t.equal(ring.find(one.id)?.revoked, true);
  t.equal(ring.find(two.id)?.revoked, false);
  t.equal(ring.find(three.id)?.revoked, true);
  t.end();
});

t.test('a key that is not known is looked for again, but not at every request', (t) => {
  const folder = t.testdir();
  writeKey(folder, one);
  let nowMs = 0;
  const ring = new KeyRing(folder, 'at', () => nowMs);
  writeKey(folder, two);
  nowMs = 29_999;
  t.equal(ring.find(two.id), null);
  nowMs = 30_000;
  t.ok(ring.find(two.id));
  writeKey(folder, three);
  nowMs = 59_999;
  t.equal(ring.find(three.id), null);
  nowMs = 60_000;
  rmSync(folder, { recursive: true });
  t.equal(ring.find(three.id), null);
  t.ok(ring.find(one.id), 'the old keys stand while the folder is away');
  t.end();
});

t.test('a ring that cannot be used is a problem that says why', (t) => {
  const folder = t.testdir();
  t.throws(() => new KeyRing(`${folder}/none`, 'verify.x.keys'), {
    at: 'verify.x.keys',
    message: /cannot be read/,
  });
  t.throws(() => new KeyRing(folder, 'at'), { message: /no key/ });
  writeKey(
    folder,
    one,
    undefined,
    '<encryptedSecret decryptorType="x"><encryptedKey><value>AAAA</value></encryptedKey></encryptedSecret>',
  );
  t.throws(() => new KeyRing(folder, 'at'), { message: /encrypted/ });
  t.end();
});
