// What Connection names is marked for removal, but for what others rely on (rules H1, H2).
import t from 'tap';
import { OPTION, readConnection } from '../../src/wire/connection-options.ts';
import { MARK, PARSE } from '../../src/wire/head-fields.ts';
import { RequestHead } from '../../src/wire/request-head.ts';
import { bytesOf, REQUEST_LIMITS, readRequest } from './every-cut.ts';

const head = new RequestHead(REQUEST_LIMITS);
const request = (...lines: string[]): string =>
  `GET / HTTP/1.1\r\n${['Host: a', ...lines, '', ''].join('\r\n')}`;

/** Names of the fields that are marked as named by Connection. */
function named(...lines: string[]): string[] {
  const bytes = bytesOf(request(...lines));
  if (head.parse(bytes, 0, bytes.length) !== PARSE.done) throw new Error(`${head.fault?.code}`);
  const { fields } = head;
  const found: string[] = [];
  for (let i = 0; i < fields.count; i++) {
    if ((fields.marks[i]! & MARK.named) === 0) continue;
    found.push(bytes.toString('latin1', fields.nameStart[i]!, fields.nameEnd[i]!));
  }
  return found;
}

t.test('H1: every field that Connection names is marked, in any case and on any line', async (t) => {
  t.strictSame(named('X-A: 1', 'Connection: x-a', 'x-A: 2', 'X-B: 3'), ['X-A', 'x-A']);
  t.strictSame(named('Connection: X-A', 'X-A: 1', 'X-B: 2', 'Connection: close , X-B'), ['X-A', 'X-B']);
  t.strictSame(named('Connection: ,, X-A ,,', 'X-A: 1', 'X-AB: 2', 'X: 3'), ['X-A']);
  t.strictSame(named('Connection: User-Agent', 'User-Agent: x'), ['User-Agent']);
  t.strictSame(named('Connection: X_A', 'X_A: 1', 'X-A: 2'), ['X_A']);
  t.strictSame(named('X-A: 1'), []);
});

t.test('H2: what others rely on can not be stripped', async (t) => {
  const lines = [
    'Content-Length: 0',
    'Cookie: a=b',
    'Authorization: x',
    'Content-Type: x',
    'X-Forwarded-For: x',
  ];
  lines.push('X-Forwarded-Ssl: on', 'Forwarded: x', 'Limpet-User: x', 'X-Real-IP: x');
  const names = lines.map((line) => line.slice(0, line.indexOf(':')));
  t.strictSame(named(`Connection: Host, Transfer-Encoding, ${names.join(', ')}`, ...lines), []);
});

t.test('options are heard in any case', async (t) => {
  const options = (...lines: string[]): number => {
    named(...lines);
    return readConnection(head.fields);
  };
  t.equal(options('Connection: Close'), OPTION.close);
  t.equal(options('Connection: KEEP-ALIVE'), OPTION.keepAlive);
  t.equal(options('Connection: upgrade, te'), OPTION.upgrade | OPTION.te);
  t.equal(options('Connection: closed, xclose'), 0);
  t.equal(options('Connection:'), 0);
  t.equal(options(), 0);
});

t.test('more options than 64 are refused', async (t) => {
  t.match(readRequest(request(`Connection: ${new Array(64).fill('x').join(',')}`)), { keepAlive: true });
  t.equal(
    readRequest(request(`Connection: ${new Array(65).fill('x').join(',')}`)),
    'request.connection.options',
  );
  t.equal(
    readRequest(request(...new Array(65).fill('Connection: close'))),
    'request.connection.options',
    'over all lines together',
  );
});
