// What is a host with an optional port, and what is not (rule R7).
import t from 'tap';
import { hostEnd } from '../../src/wire/authority.ts';
import { bytesOf } from './every-cut.ts';

/** The host that is found, or null. A colon and digits lie beyond the end. */
function host(text: string): string | null {
  const bytes = bytesOf(`a${text}:1`);
  const end = hostEnd(bytes, 1, 1 + text.length);
  return end < 0 ? null : bytes.toString('latin1', 1, end);
}

t.test('R7: names and IPv4 addresses, with and without port', async (t) => {
  t.equal(host('example.com'), 'example.com');
  t.equal(host('Example.COM:8080'), 'Example.COM');
  t.equal(host('a:'), 'a');
  t.equal(host('a:0'), 'a');
  t.equal(host('a:65535'), 'a');
  t.equal(host('127.0.0.1:80'), '127.0.0.1');
  t.equal(host("a-._~!$&'()*+,;=z"), "a-._~!$&'()*+,;=z");
  t.equal(host('a%2Db'), 'a%2Db');
  for (const bad of [
    '',
    ':',
    ':80',
    'a:b',
    'a:65536',
    'a:123456',
    'a:-1',
    'a:1:2',
    'a:8 0',
    'a b',
    'a/b',
    'a@b',
    'a?b',
    'a#b',
  ]) {
    t.equal(host(bad), null, bad);
  }
  for (const bad of ['a%', 'a%2', 'a%zz', 'a\\b', 'a\x00', 'a\x80', '"a"', '<a>', 'a|b', 'a^b'])
    t.equal(host(bad), null, bad);
});

t.test('R7: IPv6 addresses stand in brackets', async (t) => {
  const good = [
    '::',
    '::1',
    '1::',
    'fe80::1',
    '2001:db8:0:0:0:0:2:1',
    '2001:DB8::2:1',
    '::ffff:127.0.0.1',
    '1:2:3:4:5:6:7::',
  ];
  for (const address of [...good, '1:2:3:4:5:6:1.2.3.4', '::2:3:4:5:6:7:8']) {
    t.equal(host(`[${address}]`), `[${address}]`, address);
    t.equal(host(`[${address}]:8080`), `[${address}]`);
  }
  const bad = [
    '',
    ':',
    '1',
    '1:2',
    ':::',
    '1:::2',
    '1::2::3',
    '12345::',
    'g::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    ':1:2::',
  ];
  for (const address of [
    ...bad,
    '1:',
    '::1:',
    'fe80::1%eth0',
    '::1.2.3',
    '::1.2.3.256',
    '::1.2.3.4:5',
    'v1.x',
    '::1.2.3.4.5',
    '1:2:3:4:5:6:7:1.2.3.4',
  ]) {
    t.equal(host(`[${address}]`), null, address);
  }
  for (const text of ['[::1', '::1', '[::1]x', '[::1]80', 'a[::1]', '[[::1]]'])
    t.equal(host(text), null, text);
});
