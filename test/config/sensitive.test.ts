// What must not be printed is known by its key or its place.
import t from 'tap';
import {
  holdsSecret,
  isSensitiveKey,
  masked,
  maskUserinfo,
  secretValueAt,
} from '../../src/config/sensitive.ts';

t.test('keys of secrets are known, also misspelt', async (t) => {
  const secret = ['secret', 'secrets', 'secretz', 'tokens', 'apiKey', 'X-Api-Key', 'Authorization', 'Cookie'];
  for (const name of secret) t.ok(isSensitiveKey(name), name);
  for (const name of ['cookie', 'name', 'key', 'listen', 'path']) t.notOk(isSensitiveKey(name), name);
});

t.test('users of URLs are masked wherever they stand', async (t) => {
  t.equal(maskUserinfo('["http://a:b@c", https://d:e@f/?g@h]'), '["http://***@c", https://***@h]');
  t.equal(maskUserinfo('a@b http://c'), 'a@b http://c');
});

t.test('a key and its secret without a space are masked', async (t) => {
  t.equal(masked('token:abc def'), 'token:***');
  t.equal(masked('name:abc'), 'name:abc');
  t.equal(masked('a:b my-token-x":abc'), 'a:b my-token-x":***');
  for (const whole of ['token:', 'token', 'token :a', ':token', 'token"":a']) t.equal(masked(whole), whole);
});

t.test('the value of a secret is found in text that is not YAML', async (t) => {
  t.equal(secretValueAt('  "secrets" : [a'), 13);
  t.equal(secretValueAt('Cookie: a'), 7);
  t.equal(secretValueAt('cookie: { name: a }'), -1);
});

t.test('a line of nonsense is masked in a moment', { timeout: 5000 }, async (t) => {
  t.equal(maskUserinfo('://'.repeat(300_000)).length, 900_000);
  const tokens = 'token'.repeat(200_000);
  t.notOk(holdsSecret(tokens));
  t.equal(masked(tokens), tokens);
  t.equal(secretValueAt(tokens), -1);
  t.equal(secretValueAt(`${tokens} "${' '.repeat(1000)}:`), -1);
  t.equal(masked(`${tokens}:${tokens}`), `${tokens}:***`);
});
