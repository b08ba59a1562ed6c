// Problems are printed with their place, the line, a caret under the mistake, and what would be right.
import t from 'tap';
import { loadConfigText } from '../../src/config/load.ts';
import { formatProblems } from '../../src/config/print.ts';

function printed(text: string, color = false): string {
  const { problems } = loadConfigText(text, 'conf/limpet.yaml', {}, () => '');
  return formatProblems(problems, { color });
}

t.test('a problem has its line, a caret and what would be right', async (t) => {
  t.equal(
    printed('lisen: 8080\nlisten: 1\nupstreams:\n  - { url: http://a:1, weight: 2s }\n'),
    `conf/limpet.yaml:1:1: error: unknown key "lisen"
  lisen: 8080
  ^^^^^
  would be right: listen
conf/limpet.yaml:4:32: error: upstreams[0].weight: "2s" is not a whole number
    - { url: http://a:1, weight: 2s }
                                 ^^
  would be right: 100, 100k or 1M
`,
  );
});

t.test('a warning says that it is one', async (t) => {
  t.match(
    printed('listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: {} }\n'),
    /^conf\/limpet.yaml:3:13: warning: /,
  );
});

t.test('a problem of the whole file has no line', async (t) => {
  t.equal(
    printed(''),
    'conf/limpet.yaml: error: the file is empty\n  would be right: listen: 8080, and upstreams: [http://127.0.0.1:3000]\n',
  );
});

t.test('a long line is shown around its mistake, and the caret stays under it', async (t) => {
  const upstreams = Array.from({ length: 40 }, (_, i) => `http://a:${i + 1}`).join(', ');
  const [, line = '', caret = ''] = printed(
    `listen: 1\nupstreams: [${upstreams}, oh no, http://b:1]\n`,
  ).split('\n');
  t.ok(line.length < 170);
  t.equal(line.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1), 'oh no');
});

t.test('the caret stands under what follows a masked secret', async (t) => {
  const text =
    'listen: 1\nupstreams: [http://a:1]\naffinity: { cookie: { secrets: [abcdefghijklmnop], nme: x } }\n';
  const [, line = '', caret = ''] = printed(text).split('\n');
  t.equal(line, '  affinity: { cookie: { secrets: [***], nme: x } }');
  t.equal(line.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1), 'nme');
});

t.test('tabs and emoji before the mistake do not move the caret', async (t) => {
  const [, line = '', caret = ''] = printed('listen:\t \tno\nupstreams: [http://a:1]\n').split('\n');
  t.equal(line.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1), 'no');
});

t.test('colours are for terminals', async (t) => {
  t.notMatch(printed('x: 1'), '\u001b');
  t.match(printed('x: 1', true), '\u001b[31m');
  t.equal(formatProblems([], { color: true }), '');
});
