// What a person at a terminal is promised: one line an event, and a terminal that stays his own.
import t from 'tap';
import { makePretty } from '../../src/observe/pretty.ts';

const pretty = makePretty(false);
const TIME = '"level":"info","time":"2023-11-14T22:13:20.123Z"';

t.test('an event is one line with its message and fields', async (t) => {
  const text = pretty(`{${TIME},"pool":"shop","upstream":"blue","msg":"an upstream is down"}\n`);
  t.match(text, /^\[\d\d:\d\d:20\.123\] INFO: an upstream is down \{"pool":"shop","upstream":"blue"\}\n$/);
});

t.test('a request is one line that reads like one', async (t) => {
  const base = `${TIME},"method":"GET","host":"shop.example.com","path":"/cart","durationMs":3.1`;
  const kept = pretty(`{${base},"status":200,"pool":"shop","upstream":"blue","affinity":"kept"}\n`);
  t.match(kept, /INFO: GET shop\.example\.com\/cart 200 3\.1 ms -> shop\/blue kept\n$/);
  const failed = pretty(`{${base},"status":502,"fault":"upstream.connect.refused","endedBy":"upstream"}\n`);
  t.match(failed, /GET shop\.example\.com\/cart 502 3\.1 ms upstream\.connect\.refused \(upstream\)\n$/);
});

t.test('a batch of lines stays as many lines', async (t) => {
  const line = `{${TIME},"msg":"one"}\n`;
  t.equal(pretty(line.repeat(3)).split('\n').length, 4);
});

t.test('no byte of the world steers the terminal or forges a line', async (t) => {
  const evil = '\u001b[2J\u0007\u009b31m\n[12:00:00.000] INFO: all is well\r';
  for (const key of ['msg', 'why', 'path']) {
    const text = pretty(
      `${JSON.stringify({ level: 'info', time: '2023-11-14T22:13:20.123Z', [key]: evil })}\n`,
    );
    // Because: control characters are what is looked for.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are looked for on purpose
    t.notMatch(text.slice(0, -1), /[\u0000-\u001f\u007f-\u009f]/, key);
  }
  t.notMatch(pretty(`no json ${evil}`.replaceAll('\n', '')), '\u001b');
});

t.test('an error shows its stack', async (t) => {
  const err = { type: 'Error', message: 'boom', stack: 'Error: boom\n    at somewhere (file.ts:1:1)' };
  const text = pretty(
    `${JSON.stringify({ level: 'error', time: '2023-11-14T22:13:20.123Z', err, msg: 'boom' })}\n`,
  );
  t.match(text, 'somewhere (file.ts:1:1)');
});
