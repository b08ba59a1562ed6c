// Prints config problems for people: place, what is wrong, the line with a caret, and what would be right.
import type { ConfigProblem } from './problem.ts';

/** Whether the text is for a terminal that shows colours. */
export interface PrintOptions {
  readonly color: boolean;
}

/** All problems, each closed by a line end. Empty for none. */
export function formatProblems(problems: readonly ConfigProblem[], options: PrintOptions): string {
  const paint = options.color ? (code: number, text: string) => `\u001b[${code}m${text}\u001b[0m` : plain;
  return problems.map((problem) => formatProblem(problem, paint)).join('');
}

function plain(_code: number, text: string): string {
  return text;
}

function formatProblem(problem: ConfigProblem, paint: (code: number, text: string) => string): string {
  const { file, line, column, severity, path, message, hint, excerpt } = problem;
  const where = line === 0 ? file : `${file}:${line}:${column}`;
  const what = paint(severity === 'error' ? 31 : 33, severity);
  const lines = [`${paint(1, where)}: ${what}: ${path === '' ? '' : `${path}: `}${message}`];
  if (excerpt !== null) {
    lines.push(`  ${excerpt.text}`);
    lines.push(
      `  ${' '.repeat(excerpt.caret)}${paint(severity === 'error' ? 31 : 33, '^'.repeat(excerpt.width))}`,
    );
  }
  if (hint !== '') lines.push(`  would be right: ${paint(32, hint)}`);
  return `${lines.join('\n')}\n`;
}
