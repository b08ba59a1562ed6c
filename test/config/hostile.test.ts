// Nonsense of any size or depth ends in problems, soon, and never in a throw.
import t from 'tap';
import { loadConfigText } from '../../src/config/load.ts';
import { formatProblems } from '../../src/config/print.ts';

const times = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join('');
const base = 'listen: 1\nupstreams: [http://a:1]\n';

const hostile: Record<string, string> = {
  'open brackets': '['.repeat(50_000),
  'open maps': '{a: '.repeat(50_000),
  'nested dashes': '- '.repeat(100_000),
  quotes: '"'.repeat(50_000),
  'unknown keys': times(20_000, (i) => `k${i}: 1\n`),
  'the same key': 'a: 1\n'.repeat(20_000),
  'too many upstreams': `listen: 1\nupstreams: [${times(5000, (i) => `http://a:${i + 1},`)}]`,
  'too many pools': `listen: 1\npools:\n${times(3000, (i) => ` p${i}: {upstreams: [http://a:1]}\n`)}`,
  'broken routes': `${base}routes:\n${'- {path: a, pool: x}\n'.repeat(5000)}`,
  'many anchors': '- &a x\n'.repeat(20_000),
  'many aliases': `via: &a x\nerrors: [${'*a,'.repeat(20_000)}]`,
  'aliases of a large file': `via: &a x\n${times(60_000, (i) => `k${i}: *a\n`)}`,
  'an alias bomb': `${base}errors:\n  503:\n    json:\n      a: &a [1,1,1,1,1,1,1,1,1]\n${times(9, (i) => {
    const [before, name] = ['abcdefghij'[i], 'abcdefghij'[i + 1]];
    return `      ${name}: &${name} [${`*${before},`.repeat(9)}]\n`;
  })}`,
  'a page that holds itself': `${base}errors: { 503: { json: &a [*a] } }\n`,
  'open variables': `listen: "${'${'.repeat(100_000)}"`,
  'a line of schemes': `upstreams: ["http://${'://'.repeat(100_000)}"]`,
  'control characters': 'listen: \u0000\u0001\ufeff\u2028 x\n',
  'a choice of every object': `${base}balance: constructor\n`,
  'keys of every object': `${base}__proto__: { a: 1 }\nconstructor: 1\ntoString: x\npools: { __proto__: { upstreams: [http://a:1] } }\n`,
};

for (const [what, text] of Object.entries(hostile)) {
  t.test(`${what} end in problems, not in a throw or a wait`, { timeout: 20_000 }, async (t) => {
    const { config, problems } = loadConfigText(text, 'limpet.yaml', {}, () => '');
    t.equal(config, null);
    t.ok(problems.length > 0 && problems.length <= 101, `${problems.length} problems`);
    const printed = formatProblems(problems, { color: false });
    t.ok(printed.length < 100_000, `${printed.length} characters`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal acts on is what must not be printed.
    t.notMatch(printed, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/, 'nothing that a terminal acts on');
  });
}

t.test('an alias means the last anchor of its name before it', async (t) => {
  const text = `${base}routes:\n${[
    '{ path: /a, respond: &r { body: one, status: 201 } }',
    '{ path: /b, respond: *r }',
    '{ path: /c, respond: &r { body: two, status: 202 } }',
    '{ path: /d, respond: *r }',
  ]
    .map((route) => `  - ${route}\n`)
    .join('')}`;
  const { config, problems } = loadConfigText(text, 'limpet.yaml', {}, () => '');
  t.same(
    problems.filter(({ severity }) => severity === 'error'),
    [],
  );
  const status = (path: string): unknown => {
    const action = config?.routes.find((route) => route.path === path)?.action;
    return action?.kind === 'respond' ? action.status : action;
  };
  t.same(['/a', '/b', '/c', '/d'].map(status), [201, 201, 202, 202]);
  const early = loadConfigText(`${base}via: *late\nerrors: { 503: &late x.html }\n`, 'l.yaml', {}, () => '');
  t.match(early.problems[0]?.message, 'no anchor `&late` stands before this alias');
});

t.test('behind too many aliases secrets are hidden as before them', async (t) => {
  const text = `${base}via: &a x\nerrors: { 503: { json: [${times(101, () => '*a,')}] } }\naffinity: { cookie: { secrets: [hunter2-hunter2], nam: x } }\n`;
  const { problems } = loadConfigText(text, 'limpet.yaml', {}, () => '');
  t.ok(problems.some(({ message }) => message === 'the file has more than 100 aliases'));
  const printed = formatProblems(problems, { color: false });
  t.match(printed, 'nam: x');
  t.notMatch(printed, 'hunter2');
});

t.test('what every object has is no variable of the environment', async (t) => {
  const text = `${base}log: { level: "\${toString}" }\n`;
  const [problem] = loadConfigText(text, 'limpet.yaml', {}, () => '').problems;
  t.equal(problem?.message, 'the environment has no toString');
});
