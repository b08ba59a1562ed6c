#!/usr/bin/env node
// The `limpet` command: takes the first word for a command, and leaves the rest to that command's own file.
import { readFileSync } from 'node:fs';
import type { Command, CommandIo } from './cli/command-io.ts';
import { wrongOptions } from './cli/wrong-options.ts';
import { nearest } from './config/nearest.ts';

/** Longer than any token or cookie. */
const STDIN_CHARS_MAX = 64 * 1024;

interface Entry {
  readonly does: string;
  readonly load: () => Promise<Command>;
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  run: { does: 'runs the proxy', load: () => import('./cli/run.ts') },
  check: {
    does: 'checks the config and says all that is wrong with it',
    load: () => import('./cli/check.ts'),
  },
  explain: { does: 'says what would become of a request', load: () => import('./cli/explain.ts') },
  healthcheck: {
    does: 'asks the running proxy whether it lives, as a container does',
    load: () => import('./cli/healthcheck.ts'),
  },
  reload: {
    does: 'has the running proxy read its config anew',
    load: () => import('./cli/reload.ts'),
  },
  schema: { does: "prints the config's JSON Schema", load: () => import('./cli/schema.ts') },
  sessions: {
    does: 'tells of sessions at the edge, ends them, and says which app loses them',
    load: () => import('./cli/sessions.ts'),
  },
  demo: { does: 'shows three sample apps behind a proxy', load: () => import('./cli/demo.ts') },
  drill: { does: 'harms an instance under load and says who noticed', load: () => import('./cli/drill.ts') },
};

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
  const entry = Object.hasOwn(COMMANDS, word) ? COMMANDS[word] : undefined;
  if (entry === undefined) {
    const likely = nearest(word, Object.keys(COMMANDS));
    const hint = likely === null ? '`limpet --help` lists the commands' : `\`limpet ${likely}\``;
    io.stderr(`limpet: there is no command ${JSON.stringify(word)}\n  would be right: ${hint}\n`);
    return 1;
  }
  const command = await entry.load();
  try {
    return await command.run(rest, io);
  } catch (error) {
    const wrong = wrongOptions(error);
    if (wrong === null) throw error;
    io.stderr(`limpet ${word}: ${wrong}\n  would be right: see \`limpet ${word} --help\`\n`);
    return 1;
  }
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
});
