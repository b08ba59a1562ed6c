// Configs: whatever the text, loading never throws, says where each problem is, and tells no secret.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import { readdirSync, readFileSync } from 'node:fs';
import { loadConfigText } from '../../src/config/load.ts';
import { formatProblems } from '../../src/config/print.ts';
import type { Chance } from './chance.ts';
import { mutate } from './mutate.ts';
import type { FuzzTarget, Verdict } from './target.ts';

const root = new URL('../../', import.meta.url);
const EXAMPLES = readdirSync(new URL('config/', root))
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => readFileSync(new URL(`config/${name}`, root)));
/** Keys and values that the manual names, and what YAML itself can do. */
const WORDS = [
  ...new Set(
    [...readFileSync(new URL('docs/configuration.md', root), 'utf8').matchAll(/`([^`\n]{1,30})`/g)].map(
      ([, word]) => word!,
    ),
  ),
  ...[
    ': ',
    '\n  ',
    '\n- ',
    '{',
    '}',
    '[',
    ']',
    '&a ',
    '*a',
    '!!str ',
    '|\n',
    '>-\n',
    '"',
    "'",
    '#',
    '? ',
    '---\n',
  ],
  ...[
    'true',
    'null',
    '~',
    '0x10',
    '1e999',
    '-1',
    '.nan',
    '1d',
    '10ms',
    '${LIMPET_SECRET}',
    '${NONE:-x}',
    '${',
    '<<: *a',
  ],
  ...[
    '{file: secret.txt}',
    '{file: none}',
    'upstreams: [http://a:1]\n',
    'routes:\n  - path: /\n',
    'pool: default\n',
  ],
];
/** What must never be shown. */
const CANARY = 'canary-of-a-secret-that-nobody-may-see';
const ENV = {
  LIMPET_SECRET: `${CANARY}-1`,
  LIMPET_ADMIN_TOKEN: `${CANARY}-2`,
  LIMPET_READ_TOKEN: `${CANARY}-3`,
  SESSION_SECRET: `${CANARY}-4`,
};

function readFile(path: string): string {
  if (path.includes('secret')) return `${CANARY}-5`;
  throw Object.assign(new Error(path), { code: 'ENOENT' });
}

function judge(bytes: Buffer): Verdict {
  const text = bytes.toString('utf8');
  const { config, problems } = loadConfigText(text, 'limpet.yaml', ENV, readFile);
  const found = (finding: string): Verdict => ({ finding, kind: 'found' });
  const isWrong = problems.some(({ severity }) => severity === 'error');
  if ((config === null) !== isWrong) return found('a config without being sound, or none without a reason');
  const lines = text.split('\n');
  for (const { line, column, message, excerpt } of problems) {
    // The whole file is meant: it is empty, or this is the count of what is not told.
    if (line === 0 && column === 0 && excerpt === null) continue;
    if (line < 1 || line > lines.length + 1) return found('a problem outside of the file');
    if (column < 1 || column > (lines[line - 1] ?? '').length + 2)
      return found('a problem outside of its line');
    if (message === '') return found('a problem without words');
  }
  const printed = formatProblems(problems, { color: false });
  if (printed.includes('canary-of-a')) return found('a secret in a problem');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal acts on is what must not be printed.
  if (/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(printed)) return found('what a terminal acts on');
  return { finding: null, kind: config === null ? 'problems' : 'a config' };
}

export const configTarget: FuzzTarget = {
  name: 'config',
  about: 'configs spoiled from the examples: problems with places, or a config',
  messagesInCi: 2500,
  make: (chance: Chance, corpus) => {
    const bytes = chance.pick(EXAMPLES);
    // Line by line, so that most of a text stays what it was.
    const words = chance.one(2) ? WORDS : WORDS.map((word) => `${word}\n`);
    return mutate(bytes, chance, words, chance.one(2) ? EXAMPLES : corpus);
  },
  judge,
  explanations: [],
};
