#!/usr/bin/env node
// The `limpet` command: takes the first word for a command, and leaves the rest to that command's own file.
import { readFileSync } from 'node:fs';
import type { Command, CommandIo } from './cli/command-io.ts';
import { COMMANDS } from './cli/commands.ts';
import { openScreen } from './cli/screen.ts';
import { wrongOptions } from './cli/wrong-options.ts';
import { nearest } from './config/nearest.ts';

/** Longer than any token or cookie. */
const STDIN_CHARS_MAX = 64 * 1024;

/** Where each command is; and each further word that has a help of its own. */
const LOAD: Readonly<Record<keyof typeof COMMANDS, () => Promise<Command>>> = {
  run: () => import('./cli/run.ts'),
  check: () => import('./cli/check.ts'),
  explain: () => import('./cli/explain.ts'),
  status: () => import('./cli/status.ts'),
  upstreams: () => import('./cli/upstreams.ts'),
  pools: () => import('./cli/pools.ts'),
  routes: () => import('./cli/routes.ts'),
  sessions: () => import('./cli/sessions.ts'),
  top: () => import('./cli/top.ts'),
  healthcheck: () => import('./cli/healthcheck.ts'),
  reload: () => import('./cli/reload.ts'),
  schema: () => import('./cli/schema.ts'),
  demo: () => import('./cli/demo.ts'),
  drill: () => import('./cli/drill.ts'),
  completion: () => import('./cli/completion.ts'),
};
const WORD_HELP: Readonly<Record<string, () => Promise<{ readonly HELP: string }>>> = {
  'sessions revoke': () => import('./cli/sessions-revoke.ts'),
  'sessions list': () => import('./cli/sessions-list.ts'),
  'sessions lift': () => import('./cli/sessions-lift.ts'),
};

/** The help of a command, or of one with a further word. */
async function helpOf(command: string): Promise<string> {
  const name = command.split(' ')[0]!;
  const load = WORD_HELP[command] ?? (isCommand(name) ? LOAD[name] : null);
  return load === null ? '' : (await load()).HELP;
}

function isCommand(word: string): word is keyof typeof COMMANDS {
  return Object.hasOwn(COMMANDS, word);
}

const rows = Object.entries(COMMANDS).map(([name, { does }]) => `  ${name.padEnd(13)}${does}`);
const HELP = `limpet COMMAND [options]

${rows.join('\n')}

\`limpet COMMAND --help\` says more.
`;

/** Runs what `argv` says; resolves to the exit code: 0, what the command gives, or 1 for a command line that means nothing. */
async function main(argv: readonly string[], io: CommandIo): Promise<number> {
  const [word = '', ...rest] = argv;
  if (word === '' || word === '--help' || word === '-h' || word === 'help') {
    (word === '' ? io.stderr : io.stdout)(HELP);
    return word === '' ? 1 : 0;
  }
  if (word === '--version' || word === '-v') {
    const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    io.stdout(`${manifest.version}\n`);
    return 0;
  }
  if (!isCommand(word)) {
    const likely = nearest(word, Object.keys(COMMANDS));
    const hint = likely === null ? '`limpet --help` lists the commands' : `\`limpet ${likely}\``;
    io.stderr(`limpet: there is no command ${JSON.stringify(word)}\n  would be right: ${hint}\n`);
    return 1;
  }
  const command = await LOAD[word]();
  try {
    return await command.run(rest, io);
  } catch (error) {
    const wrong = wrongOptions(error);
    if (wrong === null) throw error;
    io.stderr(`limpet ${word}: ${wrong}\n  would be right: ${meantBy(word, wrong, command.HELP)}\n`);
    return 1;
  }
}

/** What somebody probably wanted whose options are wrong: the file of a config without the option that takes it is the commonest slip. */
function meantBy(word: string, wrong: string, help: string): string {
  const file = /^Unexpected argument '(.+\.ya?ml)'/.exec(wrong)?.[1];
  return file !== undefined && help.includes('--config FILE')
    ? `\`limpet ${word} -c ${file}\``
    : `see \`limpet ${word} --help\``;
}

/** Secrets are typed here rather than on a command line, which shells and `ps` keep. */
async function readStdin(): Promise<string> {
  let text = '';
  for await (const piece of process.stdin.setEncoding('utf8')) {
    text += piece;
    if (text.length > STDIN_CHARS_MAX) break;
  }
  return text.slice(0, STDIN_CHARS_MAX).replace(/\r?\n$/, '');
}

// A reader that has seen enough, such as `head`, closes our end: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await main(process.argv.slice(2), {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  stdin: readStdin,
  env: process.env,
  cwd: process.cwd(),
  color: process.stderr.isTTY === true && !process.env.NO_COLOR,
  terminal: process.stderr.isTTY === true,
  screen: openScreen,
  helpOf,
});
