// Places in an answer are found as they are written, and what is no place is told what would be one.
import t from 'tap';
import { type Answer, parseCondition, parseExtractor } from '../../src/drill/extract.ts';
import { parseRequest } from '../../src/drill/request-text.ts';

const ANSWER: Answer = {
  status: 401,
  field: (name) => (name === 'x-served-by' ? 'cache-7, web-2' : null),
  cookie: (name) => (name === 'limpet' ? 'TOKEN.NONCE' : null),
  body: '{"instance":"web-2","user":null,"deep":{"times":2},"list":[1],"empty":""}',
};

const FOUND: readonly (readonly [string, string | null])[] = [
  ['header:X-Served-By', 'cache-7, web-2'],
  ['header:x-served-by~web-\\d', 'web-2'],
  ['header:x-other', null],
  ['cookie:limpet', 'TOKEN.NONCE'],
  ['cookie:limpet~^[^.]+', 'TOKEN'],
  ['cookie:limpet~^(.)x', null],
  ['json:instance', 'web-2'],
  ['json:user', 'null'],
  ['json:deep.times', '2'],
  ['json:deep', null],
  ['json:empty', null],
  ['json:toString', null],
  ['json:instance.length', null],
  ['body:"instance":"([^"]+)"', 'web-2'],
  ['body:web-\\d', 'web-2'],
];

for (const [text, value] of FOUND) {
  t.test(`${text} finds ${value}`, async (t) => {
    const reading = parseExtractor(text);
    t.equal('value' in reading ? reading.value.find(ANSWER) : reading.wrong, value);
  });
}

t.test('a body that is no JSON has no field, and a long value is cut', async (t) => {
  const reading = parseExtractor('json:a');
  if ('wrong' in reading) throw new Error(reading.wrong);
  const { find } = reading.value;
  for (const body of ['', 'a=1', '{"a":', '[]', 'null']) t.equal(find({ ...ANSWER, body }), null);
  t.equal(find({ ...ANSWER, body: JSON.stringify({ a: 'x'.repeat(100) }) })?.length, 64);
});

for (const text of [
  '',
  'header',
  'header:',
  'header:a b',
  'json:',
  'json:a..b',
  'body:(',
  'cookie:a~(',
  'status:200',
]) {
  t.test(`${JSON.stringify(text)} is no place`, async (t) => {
    const reading = parseExtractor(text);
    t.ok('wrong' in reading && reading.right !== '');
  });
}

const HOLDS: readonly (readonly [string, boolean])[] = [
  ['status:401', true],
  ['status:200', false],
  ['json:user=null', true],
  ['json:user=Ada', false],
  ['json:missing=null', false],
  ['json:instance', true],
  ['json:missing', false],
  ['body:a=b', false],
  ['body:"user":null', true],
];

for (const [text, holds] of HOLDS) {
  t.test(`${text} ${holds ? 'holds' : 'does not hold'}`, async (t) => {
    const reading = parseCondition(text);
    t.equal('value' in reading ? reading.value.holds(ANSWER) : reading.wrong, holds);
  });
}

t.test('what says nothing of an answer is no condition', async (t) => {
  for (const text of ['401', 'status:4xx', 'user=null']) t.ok('wrong' in parseCondition(text), text);
});

t.test('a request is a method, a path and what is left', async (t) => {
  const of = (text: string): unknown => {
    const reading = parseRequest(text);
    return 'value' in reading ? reading.value : reading.wrong;
  };
  t.same(of('GET /me?x={user}'), {
    method: 'GET',
    path: '/me?x={user}',
    body: null,
    contentType: null,
    safe: true,
  });
  t.match(of('POST /login user={user}&password=a b'), {
    body: 'user={user}&password=a b',
    contentType: 'application/x-www-form-urlencoded',
    safe: false,
  });
  t.match(of('PUT /x {"id":"{id}"}'), { contentType: 'application/json' });
  t.match(of('POST /x {id}'), { body: '{id}', contentType: 'text/plain; charset=utf-8' });
  t.match(of('DELETE /x'), { body: '', contentType: null, safe: false });
  for (const wrong of [
    '',
    'GET',
    '/me',
    'get /me',
    'GET me',
    'GET /me body',
    'GET /a#b',
    'TRACE /',
    'POST /x {name}',
  ]) {
    t.type(of(wrong), 'string', JSON.stringify(wrong));
  }
  t.match(of(`POST / ${'x'.repeat(8193)}`), /more than 8192 bytes/);
});
