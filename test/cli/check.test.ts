// `limpet check` says all that is wrong, by its exit code, for people and for programs.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { run } from '../../src/cli/check.ts';

const folder = mkdtempSync(join(tmpdir(), 'limpet-check-'));
t.teardown(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'config'));
writeFileSync(
  join(folder, 'good.yaml'),
  'listeners: [{ bind: 80 }, { bind: 81 }]\nupstreams: [http://a:1]\n',
);
writeFileSync(
  join(folder, 'doubtful.yaml'),
  'listen: 80\nupstreams: [http://a:1]\naffinity: { cookie: {} }\n',
);
writeFileSync(join(folder, 'bad.yaml'), 'lisen: 80\nupstreams: ["http://a:1", x y]\n');

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function check(...argv: string[]): Promise<Said> {
  let stdout = '';
  let stderr = '';
  const code = await run(argv, {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    env: {},
    cwd: folder,
  });
  return { code, stdout, stderr };
}

t.test('a sound config is said to be, with what it holds', async (t) => {
  t.same(await check('-c', 'good.yaml'), {
    code: 0,
    stdout: 'good.yaml: ok (2 listeners, 1 route, 1 upstream)\n',
    stderr: '',
  });
});

t.test('a warning is told and does not fail', async (t) => {
  const { code, stdout, stderr } = await check('--config', 'doubtful.yaml');
  t.equal(code, 0);
  t.match(stdout, 'doubtful.yaml: ok (1 listener, 1 route, 1 upstream)\n');
  t.match(stderr, /^doubtful\.yaml:3:13: warning: affinity\.cookie: without `secrets`/);
});

t.test('a bad config fails with everything that is wrong', async (t) => {
  const { code, stdout, stderr } = await check('-c', 'bad.yaml');
  t.equal(code, 1);
  t.equal(stdout, '');
  t.match(stderr, 'bad.yaml:1:1: error: unknown key "lisen"\n');
  t.notMatch(stderr, 'nothing to listen on', 'what is misspelt is not missing too');
  t.match(stderr, 'bad.yaml:2:27: error: upstreams[1]: "x y" is not the address of an upstream\n');
});

t.test('programs read the same as JSON', async (t) => {
  const { code, stdout, stderr } = await check('-c', 'bad.yaml', '--json');
  t.equal(code, 1);
  t.equal(stderr, '');
  t.match(JSON.parse(stdout), {
    file: 'bad.yaml',
    ok: false,
    problems: [
      {
        severity: 'error',
        file: 'bad.yaml',
        line: 1,
        column: 1,
        message: 'unknown key "lisen"',
        hint: 'listen',
      },
      { line: 2, column: 27, path: 'upstreams[1]' },
    ],
  });
  t.match(JSON.parse((await check('-c', 'good.yaml', '--json')).stdout), { ok: true, problems: [] });
});

t.test('without -c the file is looked for where it belongs', async (t) => {
  const none = await check();
  t.equal(none.code, 1);
  t.match(none.stderr, 'limpet.yaml: error: the file does not exist\n');
  writeFileSync(join(folder, 'config', 'limpet.yaml'), 'listen: 80\nupstreams: [http://a:1]\n');
  t.match((await check()).stdout, 'config/limpet.yaml: ok');
  writeFileSync(join(folder, 'limpet.yaml'), 'listen: 80\nupstreams: [http://a:1]\n');
  t.match((await check()).stdout, /^limpet\.yaml: ok/);
});

t.test('help is on stdout, and an unknown option is refused', async (t) => {
  t.match(await check('--help'), { code: 0, stdout: /^limpet check/ });
  await t.rejects(check('--liv'), { code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' });
});
