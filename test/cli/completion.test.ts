// `limpet completion`: bash really completes by what is printed, also what only the running Limpet knows; the other shells are given the same.
import { execFile } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { listenOn } from '../../src/admin/app.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import * as completion from '../../src/cli/completion.ts';
import { LOOPBACK, makeAdmin } from '../admin/fake-view.ts';
import { pinnedNode } from '../kit/limpet.ts';
import { tell } from './told.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const { app } = makeAdmin();
const admin = await listenOn(app, LOOPBACK);
t.teardown(() => app.close());

/** A folder with the command `limpet` in it, and the script of bash. */
const folder = t.testdir({ 'a config.yaml': '', 'limpet.yaml': '' });
writeFileSync(join(folder, 'limpet'), `#!/bin/sh\nexec '${pinnedNode}' '${MAIN}' "$@"\n`);
chmodSync(join(folder, 'limpet'), 0o755);
const run = (file: string, args: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
    execFile(file, args, { cwd: folder, env }, (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
writeFileSync(join(folder, 'script'), await run(join(folder, 'limpet'), ['completion', 'bash']));

/** What bash offers where this has been typed, as it would be put in place of the last of its own words. */
async function offered(line: string): Promise<string[]> {
  const driver = `
source ./script
COMP_LINE=$1 COMP_POINT=\${#1}
# As bash breaks a line: at blanks, and colons stand alone.
read -ra COMP_WORDS <<<"\${1//:/ : }"
[[ $1 == *[[:space:]:] ]] && COMP_WORDS+=('')
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_limpet 2>errors
printf '%s\\n' "\${COMPREPLY[@]}"
cat errors >&2
`;
  writeFileSync(join(folder, 'driver'), driver);
  return (await run('bash', ['driver', line])).split('\n').filter((reply) => reply !== '');
}

t.test('bash completes commands, their words and their options', async (t) => {
  t.same(await offered('limpet '), Object.keys(COMMANDS));
  t.same(await offered('limpet st'), ['status']);
  t.same(await offered('limpet upstreams '), ['drain', 'enable', 'disable', 'weight']);
  t.same(await offered('limpet sessions re'), ['revoke']);
  t.same(await offered('limpet --v'), ['--version']);
  t.same(await offered('limpet upstreams drain --'), ['--deadline', '--wait', '--admin', '--json', '--help']);
  t.same(await offered('limpet run --conf'), ['--config']);
  t.same(await offered('limpet sessions revoke --b'), ['--block', '--before']);
  t.same(await offered('limpet completion '), ['bash', 'zsh', 'fish']);
  t.same(await offered('limpet nonsense '), []);
});

t.test('bash completes files where a file is meant, and nothing where any value will do', async (t) => {
  t.same(await offered('limpet run -c li'), ['limpet', 'limpet.yaml']);
  t.same(await offered('limpet check --config a'), ['a config.yaml']);
  t.same(await offered('limpet upstreams drain --deadline '), []);
});

t.test('bash completes what the running Limpet knows, colons and all', async (t) => {
  const names = ['shop/blue', 'shop/green', 'shop/127.0.0.1:3001', 'shop//run/app.sock'];
  t.same(await offered(`limpet upstreams --admin ${admin} drain `), names);
  t.same(await offered(`limpet upstreams drain --admin ${admin} shop/b`), ['shop/blue']);
  t.same(
    await offered(`limpet upstreams drain --admin ${admin} shop/127.0.0.1:3`),
    ['3001'],
    'what stands behind the last colon',
  );
  t.same(await offered(`limpet upstreams drain --admin ${admin} shop/blue `), [], 'one is enough');
  t.same(await offered('limpet upstreams drain --admin http://127.0.0.1:1 '), [], 'nobody is there');
});

t.test('the scripts of the other shells have every command and option', async (t) => {
  const bash = readFileSync(join(folder, 'script'), 'utf8');
  const options = [...new Set([...bash.matchAll(/--[a-z][a-z-]+/g)].map(([option]) => option.slice(2)))];
  t.ok(options.length > 30, `${options.length} options`);
  for (const [shell, begins] of [
    ['zsh', '#compdef limpet\n'],
    ['fish', '# Completion of limpet for fish'],
  ] as const) {
    const script = await run(join(folder, 'limpet'), ['completion', shell]);
    t.ok(script.startsWith(begins), shell);
    const missing = [...Object.keys(COMMANDS), ...options].filter((word) => !script.includes(word));
    t.same(
      missing.filter((word) => word !== 'version'),
      [],
      shell,
    );
  }
});

t.test('a shell that is not known is told which are', async (t) => {
  t.match(await tell(completion, ['bahs']), {
    code: 1,
    stderr:
      'limpet completion: there is no completion for "bahs"\n  would be right: limpet completion bash\n',
  });
  t.match(await tell(completion, []), {
    code: 1,
    stderr: /name of a shell is needed\n.*bash \| zsh \| fish/,
  });
  t.match(await tell(completion, ['--help']), { code: 0, stdout: /^limpet completion bash/ });
});
