// A client can forge neither a line nor a field, in any form, and nothing that he sends steers a terminal.
import t from 'tap';
import { ByteWriter } from '../../src/base/byte-writer.ts';
import { compileLine } from '../../src/observe/access-line.ts';
import { ACCESS_FORMS, type AccessForm } from '../../src/observe/access-options.ts';
import { AccessRecord } from '../../src/observe/access-record.ts';
import { putMs } from '../../src/observe/line-text.ts';

const FIELDS = [
  'time',
  'client',
  'method',
  'path',
  'target',
  'user',
  'userAgent',
  'request.x-a',
  'route',
  'end',
];
const CARRIED = [
  { of: 'request', name: 'user-agent' },
  { of: 'request', name: 'x-a' },
  { of: 'request', name: 'referer' },
] as const;

/** The line of a request in which `hostile` is everything that somebody else may choose. */
function lineOf(form: AccessForm, hostile: string): string {
  const record = new AccessRecord();
  record.bytes = new Uint8Array(Buffer.from(`GET ${hostile}`, 'latin1'));
  record.methodEnd = 3;
  record.pathStart = 4;
  record.pathEnd = record.targetEnd = record.bytes.length;
  Object.assign(record, {
    client: hostile,
    user: hostile,
    route: hostile,
    carried: [hostile, hostile, hostile],
    protocol: 'HTTP/1.1',
    status: 200,
    end: '--',
  });
  const out = new ByteWriter(64, 1 << 22);
  compileLine(
    {
      form,
      fields: FIELDS,
      carried: CARRIED,
      file: null,
      sample: 1,
      slowMs: 0,
      valueChars: 256,
      hide: [],
      user: true,
    },
    () => 1_700_000_000_123,
  )(out, record);
  return Buffer.from(out.view()).toString('utf8');
}

/** Every byte as a character, and what tries to leave its field in one form or another. */
const HOSTILE = [
  Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join(''),
  '"},"status":200}\n{"level":"info"',
  'x" 200 5\n127.0.0.1 - admin [21/Nov/2026:00:00:00 +0000] "GET /x HTTP/1.1" 200 1',
  'a b] [c "d" \\" \\',
  'a=b end=-- \\',
  '\u001b[31m\u009b2J\u007f\r\n',
  '',
];

/** Beside these, characters that no text of the wire has: names of users and of the config may. */
const WIDE = ['žluťoučký kůň \u{1f434}', '\u2028\u2029', '\ud800 half a pair \udc00'];

for (const form of ACCESS_FORMS) {
  t.test(`${form}: one line, and no control character in it`, async (t) => {
    for (const [i, hostile] of [...HOSTILE, ...WIDE].entries()) {
      const line = lineOf(form, hostile);
      t.ok(line.endsWith('\n'));
      // Because: control characters are what this is about.
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are looked for on purpose
      t.notMatch(line.slice(0, -1), /[\u0000-\u001f\u007f-\u009f]/, `text ${i}`);
      t.notOk(line.includes('\ufffd') && !hostile.includes('\ud800'), 'and it is UTF-8');
    }
  });
}

t.test('json: what was sent is what is read', async (t) => {
  for (const hostile of [...HOSTILE, WIDE[0]!]) {
    const told = JSON.parse(lineOf('json', hostile));
    t.same(told, {
      time: '2023-11-14T22:13:20.123Z',
      client: hostile,
      method: 'GET',
      path: hostile === WIDE[0] ? told.path : hostile,
      target: hostile === WIDE[0] ? told.target : hostile,
      user: hostile,
      userAgent: hostile,
      'request.x-a': hostile,
      route: hostile,
      end: '--',
    });
  }
});

/** Reads a line of logfmt as its readers do; throws for what is none. */
function readLogfmt(line: string): Record<string, string> {
  const fields: Record<string, string> = {};
  let rest = line;
  while (rest !== '') {
    const pair = /^([\w.-]+)=("(?:[^"\\]|\\.)*"|[^\s"=]*)(?: |$)/.exec(rest);
    if (pair === null) throw new Error(`no logfmt: ${rest}`);
    const [all, key, value] = pair;
    if (Object.hasOwn(fields, key!)) throw new Error(`${key} is there twice`);
    fields[key!] = value!.startsWith('"') ? JSON.parse(value!) : value!;
    rest = rest.slice(all.length);
  }
  return fields;
}

t.test('logfmt: each field once, with what was sent', async (t) => {
  for (const hostile of HOSTILE) {
    const told = readLogfmt(lineOf('logfmt', hostile).trimEnd());
    t.same(Object.keys(told), FIELDS);
    for (const field of ['client', 'path', 'target', 'user', 'userAgent', 'request.x-a', 'route'])
      t.equal(told[field], hostile, field);
  }
});

/** As the tools that read these logs have it: quotes that are escaped do not end a field. */
const COMMON =
  /^(\S+) - (\S+) \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?$/;

t.test('common and combined: every place holds what belongs there', async (t) => {
  for (const hostile of HOSTILE) {
    const combined = COMMON.exec(lineOf('combined', hostile).trimEnd());
    t.ok(combined);
    t.match(combined?.[4], /^GET .* HTTP\/1\.1$|^GET {2}HTTP\/1\.1$/);
    t.equal(combined?.[5], '200');
    t.equal(combined?.[6], '-');
    const plain = COMMON.exec(lineOf('common', hostile).trimEnd());
    t.ok(plain);
    t.equal(plain?.[7], undefined);
  }
  t.match(lineOf('common', 'a"\\\n é'), /"GET a\\"\\\\\\x0a \\xe9 HTTP\/1.1"/, 'as Apache escapes');
  t.match(lineOf('common', 'a b'), /^a\\x20b - a\\x20b \[/, 'where there are no quotes, spaces too');
});

t.test('milliseconds have three decimals at most and no needless zero', async (t) => {
  const told = (ms: number): string => {
    const out = new ByteWriter();
    putMs(out, ms);
    return Buffer.from(out.view()).toString();
  };
  for (const ms of [0, 3, 3.25, 0.001, 0.0004, 12.407, 999.9996, 60_000.05, 1e9 + 0.5])
    t.equal(told(ms), String(Math.round(ms * 1000) / 1000));
});
