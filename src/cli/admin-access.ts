// How commands reach a running Limpet: the address of its admin API, the token, and what is said when that fails.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { rootCertificates } from 'node:tls';
import { AskError, type ClientTls } from '../admin/ask.ts';
import { AdminClient, type AdminClientOptions } from '../admin/client.ts';
import { nearest } from '../config/nearest.ts';
import type { CommandIo } from './command-io.ts';
import { shown } from './table.ts';
import { wrongOptions } from './wrong-options.ts';

/** Options of every such command, for parseArgs. */
export const ADMIN_OPTIONS = {
  admin: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Their lines in the help. */
export const ADMIN_HELP = `      --admin URL    where its admin API is; default http://127.0.0.1:9090. Also unix:/path
      --json         what the API tells, as JSON on stdout

The admin API's token, where it asks for one, is taken from LIMPET_ADMIN_TOKEN; files in PEM for its TLS from
LIMPET_ADMIN_CA (who signed its certificate), LIMPET_ADMIN_CERT and LIMPET_ADMIN_KEY (ours, where it asks for one).
`;

const DEFAULT = 'http://127.0.0.1:9090';

/** A command line that means nothing, or asks for what there is not. `hint`: what would be right. */
export class UsageError extends AskError {
  override name = 'UsageError';
}

/** The command's further word, wherever it stands among the options, and all but that; '' where none of `words` is there. */
export function wordIn(argv: readonly string[], words: readonly string[]): [word: string, rest: string[]] {
  const at = argv.findIndex((each) => words.includes(each));
  return at < 0 ? ['', [...argv]] : [argv[at]!, argv.toSpliced(at, 1)];
}

/** Names listed in an error. */
const NAMES_MAX = 20;

/** What was probably meant by a name that there is not; or some of those that there are. */
export function likelyOf(wrong: string, names: readonly string[]): string {
  const likely = nearest(wrong, names);
  if (likely !== null) return shown(likely);
  const some = names.slice(0, NAMES_MAX).map(shown).join(', ');
  return `one of ${some}${names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : ''}`;
}

/** For `limpet COMMAND WORD` where the command has no such word; the likeliest of `words` is shown. */
export function noSuchWord(command: string, word: string, words: readonly string[]): UsageError {
  const right = `limpet ${command} ${nearest(word, words) ?? words.join(', ')}`;
  return new UsageError(`there is no ${JSON.stringify(word)} of ${command}`, right);
}

/** The API of the Limpet that the options name. Throws a UsageError for what is no address. */
export function adminOf(
  written: string | undefined,
  io: CommandIo,
  options: AdminClientOptions = {},
): AdminClient {
  const text = written ?? DEFAULT;
  // URL.parse is younger than the oldest Node that is served.
  const url = URL.canParse(text) ? new URL(text) : null;
  const known = url !== null && ['http:', 'https:', 'unix:'].includes(url.protocol);
  if (!known || url.username !== '' || url.password !== '')
    throw new UsageError(
      `--admin ${JSON.stringify(text)} is no address of an admin API`,
      `--admin ${DEFAULT}`,
    );
  return new AdminClient(url, io.env.LIMPET_ADMIN_TOKEN, { tls: tlsOf(io), ...options });
}

/** What the files say that the environment names. */
function tlsOf({ env, cwd }: CommandIo): ClientTls {
  const read = (name: string): string | null => {
    const file = env[name];
    if (file === undefined || file === '') return null;
    try {
      return readFileSync(resolve(cwd, file), 'utf8');
    } catch (error) {
      const { code = 'ERROR' } = error as NodeJS.ErrnoException; // fs throws nothing else
      throw new UsageError(
        `${name} names ${JSON.stringify(file)}, which cannot be read: ${code}`,
        'a file in PEM',
      );
    }
  };
  const [ca, cert, key] = [read('LIMPET_ADMIN_CA'), read('LIMPET_ADMIN_CERT'), read('LIMPET_ADMIN_KEY')];
  return {
    ...(ca === null ? {} : { ca: [...rootCertificates, ca].join('\n') }),
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
  };
}

/** Runs the rest of a command, which may be of two words; what the reader can mend is told, and comes to exit code 1. */
export async function telling(name: string, io: CommandIo, run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    const wrong = wrongOptions(error);
    if (wrong !== null) {
      io.stderr(`limpet ${name}: ${wrong}\n  would be right: see \`limpet ${name} --help\`\n`);
      return 1;
    }
    if (!(error instanceof AskError)) throw error;
    const hint = error.hint === '' ? '' : `  would be right: ${error.hint}\n`;
    io.stderr(`limpet ${name}: ${error.message}\n${hint}`);
    return 1;
  }
}

/** Prints what was asked for, as JSON or in words. */
export function print(io: CommandIo, json: boolean | undefined, told: unknown, words: () => string): void {
  io.stdout(json ? `${JSON.stringify(told, null, 2)}\n` : words());
}
