// The reader of the docs is not easily pleased: what a page has wrong is found.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { readPage, type ShownCommands } from './page.ts';
import { isAsShown } from './printed.ts';
import { Terminal } from './terminal.ts';

const FENCE = '```';
const fence = (language: string, text: string): string => `${FENCE}${language}\n${text}\n${FENCE}\n`;

t.test('a page is read as files, commands and what they print', async (t) => {
  const page = [
    'Put this into `limpet.yaml`:\n',
    fence('yaml', 'listen: 1'),
    'Another, which is only shown:\n',
    fence('yaml', 'listen: 2'),
    '<!-- not run: no engine -->',
    fence('sh', 'docker run'),
    '<!-- again until it is so -->',
    fence('sh', 'echo one'),
    'It prints:\n',
    fence('text', 'one'),
  ].join('\n');
  const [named, shown, left, typed, ...rest] = readPage(page);
  t.match(named, { kind: 'file', name: 'limpet.yaml', text: 'listen: 1\n' });
  t.match(shown, { kind: 'file', name: null });
  t.match(left, { kind: 'commands', notRun: 'no engine', again: false, prints: null });
  t.match(typed, { kind: 'commands', notRun: null, again: true, prints: 'one\n' });
  t.same(rest, []);
});

t.test('what nobody would do is no page', async (t) => {
  t.throws(() => readPage(`<!-- not run -->\n${fence('sh', 'x')}`), /no mark "not run"/, 'without a reason');
  t.throws(() => readPage(`<!-- later -->\n${fence('sh', 'x')}`), /no mark "later"/);
  t.throws(() => readPage(fence('text', 'x')), /not said what prints this/);
  t.throws(() => readPage(`${FENCE}sh\nx\n`), /has no end/);
});

t.test('… stands for what differs, and for nothing else', async (t) => {
  t.ok(isAsShown('a\nb\n', 'a\nb\n'));
  t.notOk(isAsShown('a\n', 'a\nb\n'), 'more was printed');
  t.notOk(isAsShown('a\nb\n', 'a\n'), 'less was printed');
  t.notOk(isAsShown('a.c\n', 'abc\n'), 'a dot is a dot');
  t.ok(isAsShown('3 of … (…)\n', '3 of 5 (60 %)\n'));
  t.notOk(isAsShown('a…\n', 'a\nb\n'), 'only within its line');
  t.ok(isAsShown('a\n…\nd\n', 'a\nb\nc\nd\n'));
  t.ok(isAsShown('…\n', ''));
  t.notOk(isAsShown('b\na\n', 'a\nb\n'));
  t.ok(isAsShown('b\na\n', 'a\nb\n', true), 'several wrote at once');
  t.notOk(isAsShown('a\na\n', 'a\nb\n', true));
});

t.test('a shell goes from step to step, and says what came out otherwise', async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), 'limpet-docs-'));
  t.teardown(() => rmSync(scratch, { recursive: true, force: true }));
  const terminal = await Terminal.open(join(scratch, 'here'), false, t);
  const type = (text: string, prints: string | null): Promise<string | null> =>
    terminal.type({ ...readPage(fence('sh', text))[0], prints } as ShownCommands);
  terminal.write('page.txt', 'port 8080\n');
  t.equal(await type('it=here; cat page.txt', 'port 8080\n'), null, 'ports are shown as the page has them');
  t.equal(await type(`grep -c 'port 80''80' page.txt || true`, '0\n'), null, 'and are others in truth');
  t.equal(await type('echo $it', 'here\n'), null, 'variables last');
  t.match(await type('echo there', 'here\n'), /printed:\nthere/);
  t.match(await type('false\necho on', 'on\n'), /these failed:\nfalse\n/, 'also in the middle');
  t.match(await type('limpet check -c none.yaml', null), /the file does not exist/);
  t.equal(await type('(while :; do sleep 0.1; done) & sleep 9999 &', null), null);
  t.equal(await type('jobs -p | wc -l', '2\n'), null, 'what is left running does not hold the page up');
});
