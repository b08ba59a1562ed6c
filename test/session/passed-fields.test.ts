// What the app is told of a session is safe in a field, whatever the session holds.
import t from 'tap';
import { encodeFieldText, passedLines } from '../../src/session/passed-fields.ts';
import { genuine, invalid } from '../../src/session/verdict.ts';

const lines = (
  data: object,
  path: string[],
  type: 'any' | 'text' | 'number' | 'boolean' | 'json' = 'any',
): string =>
  passedLines(genuine('u', data as never), null, [{ name: 'X', path, type }]).replace(
    'Limpet-Session: valid\r\n',
    '',
  );

t.test('percent-decoding gives the very text back, and nothing can end the line', async (t) => {
  const texts = [
    '',
    ' ',
    'a b',
    ' a',
    'a ',
    '100%',
    'ü',
    'a\r\nX: y',
    '\u0000',
    '%0D',
    '名前',
    '\ud800',
    'a\tb',
    '~!"',
  ];
  for (const text of texts) {
    const encoded = encodeFieldText(text);
    t.match(encoded, /^([!-~]([ -~]*[!-~])?)?$/);
    t.equal(decodeURIComponent(encoded), Buffer.from(text).toString());
  }
  t.equal(encodeFieldText('plain text, as it is'), 'plain text, as it is');
});

t.test('the user is told when known, and nothing else of a session that is none', async (t) => {
  t.equal(passedLines(genuine(42, {}), 'Limpet-User', []), 'Limpet-Session: valid\r\nLimpet-User: 42\r\n');
  t.equal(passedLines(genuine(42, {}), null, []), 'Limpet-Session: valid\r\n');
  t.equal(passedLines(genuine(null, {}), 'Limpet-User', []), 'Limpet-Session: anonymous\r\n');
  t.equal(passedLines(invalid('expired'), 'Limpet-User', []), 'Limpet-Session: invalid\r\n');
  const long = passedLines(genuine('ü'.repeat(400), {}), 'Limpet-User', []);
  t.equal(long, 'Limpet-Session: valid\r\n', 'half an id would be another');
});

t.test('values are passed by their type, and others are not', async (t) => {
  const data = {
    text: 'a',
    number: 1.5,
    big: 2n ** 60n,
    yes: false,
    list: [1, 'b'],
    map: new Map([['k', 1]]),
    none: null,
  };
  t.equal(lines(data, ['text']), 'X: a\r\n');
  t.equal(lines(data, ['number'], 'number'), 'X: 1.5\r\n');
  t.equal(lines(data, ['big'], 'number'), 'X: 1152921504606846976\r\n');
  t.equal(lines(data, ['yes'], 'boolean'), 'X: false\r\n');
  t.equal(lines(data, ['list']), 'X: [1,"b"]\r\n');
  t.equal(lines(data, ['list', '1']), 'X: b\r\n');
  t.equal(lines(data, ['map'], 'json'), 'X: {"k":1}\r\n');
  t.equal(lines(data, ['map', 'k'], 'text'), '');
  t.equal(lines(data, ['number'], 'text'), '');
  t.equal(lines(data, ['none']), '');
  t.equal(lines(data, ['missing', 'deeper']), '');
  t.equal(lines(data, ['constructor', 'name']), '');
  t.equal(lines({ bytes: new Uint8Array(3) }, ['bytes']), '');
  t.equal(lines({ text: 'x'.repeat(2000) }, ['text']), '', 'too long is not cut');
  let deep: unknown = 1;
  for (let i = 0; i < 40; i++) deep = [deep];
  t.equal(lines({ deep }, ['deep']), '');
});
