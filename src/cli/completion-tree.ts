// All that a shell can complete: commands, their further words, and the options, which are read off the help, so that neither can lack what the other has.
import { COMMANDS, type CommandEntry, type WordEntry } from './commands.ts';

export interface OptionLeaf {
  /** `--config`. */
  readonly long: string;
  /** `-c`, or null. */
  readonly short: string | null;
  /** What its value is called in the help; null: it takes none. */
  readonly value: string | null;
  readonly does: string;
}

export interface WordBranch extends WordEntry {
  readonly name: string;
  readonly options: readonly OptionLeaf[];
}

export interface CommandBranch {
  readonly name: string;
  readonly does: string;
  readonly words: readonly WordBranch[];
  readonly options: readonly OptionLeaf[];
}

const HELP_OPTION: OptionLeaf = { long: '--help', short: '-h', value: null, does: 'says more' };

/** `helpOf`: the help of a command (`sessions`), or of one with a further word (`sessions revoke`), which may be the same. */
export async function growTree(helpOf: (command: string) => Promise<string>): Promise<CommandBranch[]> {
  return Promise.all(
    Object.entries(COMMANDS).map(async ([name, { does, words = {} }]: [string, CommandEntry]) => {
      const branches = Object.entries(words).map(async ([word, entry]): Promise<WordBranch> => {
        return { ...entry, name: word, options: optionsOf(await helpOf(`${name} ${word}`)) };
      });
      return { name, does, words: await Promise.all(branches), options: optionsOf(await helpOf(name)) };
    }),
  );
}

/** A value that is a file, going by what the help calls it. */
export function isFile({ value }: OptionLeaf): boolean {
  return value !== null && /FILE|DIR|FOLDER|PATH/.test(value);
}

/** The lines of a help that begin with an option: `  -c, --config FILE  the config`. */
function optionsOf(help: string): OptionLeaf[] {
  const options: OptionLeaf[] = [];
  const lines = /^ {2,6}(?:(-\w), )?(--[a-z][a-z-]*)(?: ('[^']*'|[A-Z]\S*))?(?: {2,}(.*))?$/gm;
  for (const [, short, long = '', value, does = ''] of help.matchAll(lines)) {
    if (options.some((known) => known.long === long)) continue;
    options.push({ long, short: short ?? null, value: value ?? null, does });
  }
  return [...options, HELP_OPTION];
}
