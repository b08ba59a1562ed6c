// Compares what was printed with what a page says is printed. `…` stands for what differs each time: within a line, or for any lines.

/** Whether the page tells the truth. `anyOrder`: several commands wrote at once. */
export function isAsShown(shown: string, printed: string, anyOrder = false): boolean {
  if (!anyOrder) return new RegExp(`^${linesOf(shown).map(patternOf).join('')}$`).test(ended(printed));
  const left = linesOf(printed).map((line) => `${line}\n`);
  for (const line of linesOf(shown)) {
    const pattern = new RegExp(`^${patternOf(line)}$`);
    const at = left.findIndex((candidate) => pattern.test(candidate));
    if (at < 0) return false;
    left.splice(at, 1);
  }
  return left.length === 0;
}

function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

function linesOf(text: string): string[] {
  return ended(text).split('\n').slice(0, -1);
}

function patternOf(line: string): string {
  if (line === '…') return '(?:.*\\n)*?';
  return `${line
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*')}\\n`;
}
