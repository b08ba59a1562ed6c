// Lines and fields by the HTTP rules, row by row, and the promise that no cut changes a verdict.
import t from 'tap';
import { FRAMING } from '../../src/wire/request-head.ts';
import { Corpus, differingUnderSmallLimits, readRequest } from './every-cut.ts';

const corpus = new Corpus((text, cut) => readRequest(text, cut));
const line = (requestLine: string): string => `${requestLine}\r\nHost: a\r\n\r\n`;
/** A 1.1 request with these further field lines. */
const with11 = (...lines: string[]): string =>
  `POST / HTTP/1.1\r\n${['Host: a', ...lines, '', ''].join('\r\n')}`;

t.test('L1: a bare LF or a bare CR anywhere in a head is refused', async (t) => {
  corpus.refuses(
    t,
    'request.line.bare-lf',
    'GET / HTTP/1.1\nHost: a\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\n\r\n',
  );
  corpus.refuses(
    t,
    'request.line.bare-lf',
    'GET / HTTP/1.1\r\nHost: a\r\n\n',
    '\nGET / HTTP/1.1\r\n\r\n',
    'GET\n',
    'G@T\n',
  );
  corpus.refuses(
    t,
    'request.line.bare-lf',
    'GET / HTTP/1.1\r\nHost: a\r\nX\n: y\r\n\r\n',
    '\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  );
  corpus.refuses(
    t,
    'request.line.bare-cr',
    'GET / HTTP/1.1\rX\r\nHost: a\r\n\r\n',
    '\rGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  );
  corpus.refuses(
    t,
    'request.line.bare-cr',
    with11('X: a\rb'),
    with11('X\r: b'),
    with11('X: a\r'),
    with11('\rX: b'),
  );
  corpus.refuses(
    t,
    'request.line.bare-cr',
    'GET / HTTP/1.1\r\r\nHost: a\r\n\r\n',
    'GET /\r/ HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\n\r\r\n',
  );
});

t.test('L2: up to four empty lines before the request line are skipped', async (t) => {
  corpus.takes(t, `${'\r\n'.repeat(4)}${line('GET / HTTP/1.1')}`, { start: 8, method: 'GET' });
  corpus.takes(t, `\r\n${line('GET / HTTP/1.1')}`, { start: 2 });
  corpus.refuses(t, 'request.line.empty', `${'\r\n'.repeat(5)}${line('GET / HTTP/1.1')}`);
});

t.test('L3: whitespace between the request line and the first field is refused', async (t) => {
  corpus.refuses(
    t,
    'request.field.leading-space',
    'GET / HTTP/1.1\r\n Host: a\r\n\r\n',
    'GET / HTTP/1.1\r\n\tHost: a\r\n\r\n',
  );
  corpus.refuses(t, 'request.field.leading-space', 'GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n');
});

t.test('L4: a field is a token, a colon and a value', async (t) => {
  corpus.refuses(
    t,
    'request.field.name',
    with11(': x'),
    with11('X : y'),
    with11('X\t: y'),
    with11('X Y: z'),
    with11('X@: y'),
  );
  corpus.refuses(
    t,
    'request.field.name',
    with11('X\x00: y'),
    with11('X\x80: y'),
    with11('(x): y'),
    with11('"x": y'),
  );
  corpus.refuses(t, 'request.field.colon', with11('X'), with11('X y'), with11('X;'));
  corpus.takes(t, with11('X:', 'Y:\t b \t', "!#$%&'*+-.^_`|~09azAZ:v"), {
    fields: ['1/0 Host=a', '0/0 X=', '0/0 Y=b', "0/1 !#$%&'*+-.^_`|~09azAZ=v"],
  });
});

t.test('L5: a folded field is refused', async (t) => {
  corpus.refuses(
    t,
    'request.field.fold',
    with11('X: a', ' b'),
    with11('X: a', '\tb'),
    with11(' '),
    with11(' X: y'),
  );
});

t.test('L6: a control byte in a value is refused, bytes above ASCII pass', async (t) => {
  for (let b = 0; b < 0x20; b++) {
    if (b === 0x09 || b === 0x0a || b === 0x0d) continue;
    corpus.refuses(t, 'request.field.value', with11(`X: a${String.fromCharCode(b)}b`));
  }
  corpus.refuses(t, 'request.field.value', with11('X: \x7f'), with11('X: \x00'), with11('X:\x01'));
  corpus.takes(t, with11('X: \x80\xff\ta'), { fields: ['1/0 Host=a', '0/0 X=\x80\xff\ta'] });
});

t.test('L7: order is kept and equal names stay apart', async (t) => {
  corpus.takes(t, with11('Cookie: a=1', 'X: 1', 'cookie: b=2', 'x: 2'), {
    fields: ['1/0 Host=a', '5/0 Cookie=a=1', '0/0 X=1', '5/0 cookie=b=2', '0/0 x=2'],
  });
});

t.test('L8: a name with an underscore is another name, and is marked', async (t) => {
  corpus.takes(t, with11('Limpet_User: x', 'Content_Length: 5'), {
    hasUnderscore: true,
    framing: FRAMING.none,
    fields: ['1/0 Host=a', '0/1 Limpet_User=x', '0/1 Content_Length=5'],
  });
});

t.test('every message cut at every byte gives the same result as whole', async (t) => {
  t.ok(corpus.messages.length > 60, 'the messages of the tests above are here');
  t.strictSame(corpus.differing(), []);
});

t.test('every message cut anywhere gives the same result under small limits', async (t) => {
  t.strictSame(differingUnderSmallLimits(corpus.messages), []);
});
