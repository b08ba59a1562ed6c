// The `limpet` command finds the command that is meant, and says so where there is none.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { COMMANDS } from '../src/cli/commands.ts';
import { pinnedNode } from './kit/limpet.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

interface Ended {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command as a process of its own. */
function limpet(...argv: string[]): Promise<Ended> {
  return new Promise((done) => {
    execFile(pinnedNode, [main, ...argv], (error, stdout, stderr) =>
      done({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

t.test('help lists every command', async (t) => {
  const { code, stdout } = await limpet('--help');
  t.equal(code, 0);
  for (const name of Object.keys(COMMANDS)) t.match(stdout, new RegExp(`^  ${name} `, 'm'));
  const none = await limpet();
  t.match(none, { code: 1, stdout: '', stderr: stdout });
});

t.test('the version is that of the package', async (t) => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  t.same(await limpet('--version'), { code: 0, stdout: `${version}\n`, stderr: '' });
});

t.test('a misspelt command is told the right one', async (t) => {
  t.same(await limpet('chekc'), {
    code: 1,
    stdout: '',
    stderr: 'limpet: there is no command "chekc"\n  would be right: `limpet check`\n',
  });
  t.match(await limpet('constructor'), { code: 1, stderr: /no command/ });
});

t.test('an unknown option is told without a stack', async (t) => {
  const { code, stderr } = await limpet('check', '--liv');
  t.equal(code, 1);
  t.equal(stderr, "limpet check: Unknown option '--liv'\n  would be right: see `limpet check --help`\n");
  t.equal(
    (await limpet('check', 'shop.yaml')).stderr,
    "limpet check: Unexpected argument 'shop.yaml'\n  would be right: `limpet check -c shop.yaml`\n",
  );
  t.match((await limpet('check', 'shop')).stderr, 'would be right: see `limpet check --help`');
});

t.test('a bad config ends with 1, and its problems on stderr', async (t) => {
  t.match(await limpet('check', '-c', '/does/not/exist.yaml'), {
    code: 1,
    stdout: '',
    stderr: '/does/not/exist.yaml: error: the file does not exist\n',
  });
});
