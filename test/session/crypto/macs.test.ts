// MACs are compared in one place, and in constant time.
import { globSync, readFileSync } from 'node:fs';
import t from 'tap';
import { hmac, sameBytes, sameText } from '../../../src/session/crypto/macs.ts';

const session = new URL('../../../src/session/', import.meta.url);

t.test('the same is the same, and whatever differs anywhere is not', async (t) => {
  const mac = hmac('sha256', 'key', 'data');
  const text = mac.toString('hex');
  t.ok(sameBytes(mac, hmac('sha256', 'key', 'data')));
  t.ok(sameText(text, `${text}`));
  for (let at = 0; at < mac.length; at++) {
    const other = Uint8Array.from(mac);
    other[at]! ^= 1;
    t.notOk(sameBytes(mac, other));
    t.notOk(sameText(text, Buffer.from(other).toString('hex')));
  }
  for (const other of [mac.subarray(1), mac.subarray(0, -1), new Uint8Array(0), Buffer.concat([mac, mac])]) {
    t.notOk(sameBytes(mac, other));
    t.notOk(sameText(text, Buffer.from(other).toString('hex')));
  }
  // As clients may write it: the low byte of this is that of an A.
  t.notOk(sameText(decodeURIComponent('%C5%81'), 'A'));
});

t.test('no format compares a MAC that it has made in any other way', async (t) => {
  // What is compared is what `hmac` gives at once, or what was named after it.
  const made = /\b(?:hmac|createHmac)\(/;
  const comparison =
    /\b(?:hmac|createHmac)\(.*\)(?: *[!=]==|\.(?:equals|compare)\()|(?:[!=]== *|(?:equals|compare|includes|indexOf|startsWith)\()(?:hmac|createHmac)\(/;
  const files = globSync('{crypto,formats}/*.ts', { cwd: session }).filter(
    (file) => file !== 'crypto/macs.ts',
  );
  let seen = 0;
  for (const file of files) {
    const lines = readFileSync(new URL(file, session), 'utf8').split('\n');
    const making = lines.filter((line) => made.test(line));
    seen += making.length;
    const named = making.flatMap((line) => /const (\w+) =/.exec(line)?.[1] ?? []).join('|');
    const compared = new RegExp(`\\b(?:${named})\\b *[!=]==|[!=]== *(?:${named})\\b`);
    const wrong = lines.filter((line) => {
      if (comparison.test(line)) return true;
      return named !== '' && compared.test(line);
    });
    t.same(wrong, [], file);
  }
  t.ok(seen > 20, 'they are found');
});
