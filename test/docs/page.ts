// Reads a page of the docs as its reader would follow it: files to write, commands to type, and what they are said to print.

/** A file that the page shows. Without a name it is only checked, never written. */
export interface ShownFile {
  readonly kind: 'file';
  /** Line of the fence in the page, from 1. */
  readonly line: number;
  readonly language: string;
  readonly name: string | null;
  readonly text: string;
}

/** Commands that the page has its reader type. */
export interface ShownCommands {
  readonly kind: 'commands';
  readonly line: number;
  readonly text: string;
  /** What the page says is printed; null: it says nothing. */
  readonly prints: string | null;
  /** Typed again until it prints that: what it asks for takes a moment to come true. */
  readonly again: boolean;
  /** Why it is not run; null: it is. */
  readonly notRun: string | null;
}

export type Step = ShownFile | ShownCommands;

/** How a reader knows where a file goes: the line above it ends with its name. `Put this into `limpet.yaml`:` */
const NAMED = /`([\w.-]+)`:$/;
const MARK = /^<!-- (.*) -->$/;

/**
 * The steps of a page, in its order. Fences in `sh` are commands; one in `text` right behind them is what they print; all others
 * are files. A comment above a fence marks it: `not run: REASON`, or `again until it is so`. Throws for a mark of another kind, and for
 * output that no commands belong to.
 */
export function readPage(markdown: string): Step[] {
  const steps: Step[] = [];
  const lines = markdown.split('\n');
  let above = '';
  let mark = '';
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!.trimEnd();
    const fence = /^```(\w+)$/.exec(line);
    if (fence === null) {
      const marked = MARK.exec(line);
      if (marked !== null) mark = marked[1]!;
      else if (line !== '') {
        above = line;
        mark = '';
      }
      continue;
    }
    const end = lines.indexOf('```', i);
    if (end < 0) throw new Error(`line ${i + 1}: the fence has no end`);
    const text = `${lines.slice(i + 1, end).join('\n')}\n`;
    if (fence[1] === 'text') addOutput(steps, text, i + 1);
    else if (fence[1] === 'sh') steps.push(commands(text, mark, i + 1));
    else
      steps.push({
        kind: 'file',
        line: i + 1,
        language: fence[1]!,
        name: NAMED.exec(above)?.[1] ?? null,
        text,
      });
    i = end;
    above = '';
    mark = '';
  }
  return steps;
}

function commands(text: string, mark: string, line: number): ShownCommands {
  const notRun = /^not run: (.+)$/.exec(mark)?.[1] ?? null;
  const again = mark === 'again until it is so';
  if (mark !== '' && notRun === null && !again) throw new Error(`line ${line}: there is no mark "${mark}"`);
  return { kind: 'commands', line, text, prints: null, again, notRun };
}

function addOutput(steps: Step[], text: string, line: number): void {
  const last = steps.at(-1);
  if (last?.kind !== 'commands' || last.prints !== null)
    throw new Error(`line ${line}: it is not said what prints this`);
  steps[steps.length - 1] = { ...last, prints: text };
}
