// Addresses are taken apart as they were meant, and ambiguous or leaky ones are refused.
import t from 'tap';
import {
  formatBind,
  isLoopback,
  parseAuthority,
  parseBind,
  parseHostPattern,
  parseNetwork,
  parseUpstream,
} from '../../src/config/addresses.ts';
import type { Reading } from '../../src/config/units.ts';

function wrong<T>(reading: Reading<T>): string {
  return 'wrong' in (reading as object) ? (reading as { wrong: string }).wrong : 'fine';
}

t.test('a bind is a port, an address with a port, or a socket', async (t) => {
  const good = {
    '8080': { kind: 'tcp', host: '0.0.0.0', port: 8080 },
    '0': { kind: 'tcp', host: '0.0.0.0', port: 0 },
    '127.0.0.1:80': { kind: 'tcp', host: '127.0.0.1', port: 80 },
    '[::1]:80': { kind: 'tcp', host: '::1', port: 80 },
    'localhost:80': { kind: 'tcp', host: 'localhost', port: 80 },
    '*:80': { kind: 'tcp', host: '0.0.0.0', port: 80 },
    'unix:/run/a.sock': { kind: 'unix', path: '/run/a.sock' },
  };
  for (const [text, bind] of Object.entries(good)) t.same(parseBind(text), { value: bind }, text);
  const bad = {
    '65536': '"65536" is not a port',
    'a:99999': '"99999" is not a port',
    '127.0.0.1': '"127.0.0.1" has no port',
    '::1:80': '"::1:80" is not an address to listen on',
    '300.1.1.1:80': '"300.1.1.1" is not a host',
    'http://a:80': '"http://a:80" is a URL, not an address',
    'unix:a.sock': '"a.sock" is not an absolute path',
    [`unix:/${'a'.repeat(103)}`]: 'the path of a socket has at most 103 bytes',
  };
  for (const [text, message] of Object.entries(bad)) t.equal(wrong(parseBind(text)), message, text);
});

t.test('an upstream is a scheme, a host and a port, or a socket', async (t) => {
  const good: Record<string, [string, string | null, number, string | null, string]> = {
    'http://a:1': ['http', 'a', 1, null, 'a:1'],
    'http://A.b': ['http', 'a.b', 80, null, 'a.b:80'],
    'https://app_1.internal/': ['https', 'app_1.internal', 443, null, 'app_1.internal:443'],
    'http://[::1]:3000': ['http', '::1', 3000, null, '[::1]:3000'],
    'unix:/run/a.sock': ['http', null, 0, '/run/a.sock', '/run/a.sock'],
  };
  for (const [url, [scheme, host, port, socketPath, defaultName]] of Object.entries(good)) {
    t.same(parseUpstream(url), { value: { url, scheme, host, port, socketPath, defaultName } }, url);
  }
  const bad = {
    'a:1': ['"a:1" has no scheme', 'http://a:1'],
    'http://a:1/x': [
      'the address of an upstream has no path; `rewrite: { addPrefix }` of a route puts a path in front',
      'http://a:1',
    ],
    'http://a?x': ['the address of an upstream has no query', 'http://a'],
    'http://a#x': ['the address of an upstream has no fragment', 'http://a'],
    'http://me:secret@a:1': ['the address of an upstream has no user or password', 'http://a:1'],
    'http://a:0': ['"0" is not a port', 'a number from 1 to 65535'],
  };
  for (const [text, [message, right]] of Object.entries(bad)) {
    t.same(parseUpstream(text), { wrong: message, right }, text);
  }
  for (const text of ['ftp://a', 'http://', 'http://a b', 'http://1.2.3', '//a', 'http://-a', '']) {
    t.not(wrong(parseUpstream(text)), 'fine', text);
  }
});

t.test('a host is a name or a wildcard in front of one', async (t) => {
  const good = {
    'Shop.Example.com': 'shop.example.com',
    '*.example.com': '*.example.com',
    'example.com.': 'example.com',
    '127.0.0.1': '127.0.0.1',
    '[::1]': '[::1]',
    localhost: 'localhost',
  };
  for (const [text, host] of Object.entries(good)) t.same(parseHostPattern(text), { value: host }, text);
  const bad = {
    '*': '`*` is every host, which is what a route without `host` is for',
    'a.*.com': '"a.*.com" has a `*` elsewhere than in front',
    'a.com:80': '"a.com:80" has a port, but the port is the listener\'s',
    'http://a.com': '"http://a.com" is a URL, not a host',
    'münchen.de': '"münchen.de" is not as browsers send it',
    '*.1.2.3.4': '"*.1.2.3.4" is not a host',
    'a b': '"a b" is not a host',
  };
  for (const [text, message] of Object.entries(bad)) t.equal(wrong(parseHostPattern(text)), message, text);
  t.match(parseHostPattern('münchen.de'), { right: 'xn--mnchen-3ya.de' });
});

t.test('a network is an address or a block without host bits', async (t) => {
  for (const text of ['10.0.0.0/8', '192.168.1.7', '::1', 'fd00::/8', '0.0.0.0/0']) {
    t.same(parseNetwork(text), { value: text }, text);
  }
  t.same(parseNetwork('10.0.0.1/8'), {
    wrong: '"10.0.0.1/8" is an address inside a block, not the block',
    right: '10.0.0.0/8',
  });
  for (const text of ['10/8', '1.2.3', '10.0.0.0/33', 'a', '', '0x7f.0.0.1', '::1/129', 'fe80::1%eth0']) {
    t.equal(wrong(parseNetwork(text)), `${JSON.stringify(text)} is not an address or a CIDR block`, text);
  }
});

t.test('an authority is a host with or without a port', async (t) => {
  for (const text of ['a', 'a:80', '[::1]:80', '10.0.0.1'])
    t.same(parseAuthority(text), { value: text }, text);
  for (const text of ['', 'a:b', 'a/b', 'a b', 'a:99999']) t.not(wrong(parseAuthority(text)), 'fine', text);
});

t.test('only what stays on this machine is loopback', async (t) => {
  const local = ['127.0.0.1:1', '127.9.9.9:1', '[::1]:1', '[::ffff:127.0.0.1]:1', 'localhost:1', 'unix:/a'];
  const open = ['1', '10.0.0.1:1', '[::]:1', 'example.com:1'];
  for (const [texts, loopback] of [
    [local, true],
    [open, false],
  ] as const) {
    for (const text of texts) {
      const reading = parseBind(text);
      t.equal('value' in reading && isLoopback(reading.value), loopback, text);
    }
  }
});

t.test('a bind is written as it is read', async (t) => {
  for (const text of ['127.0.0.1:80', '[::1]:80', 'unix:/a']) {
    const reading = parseBind(text);
    t.equal('value' in reading && formatBind(reading.value), text);
  }
});
