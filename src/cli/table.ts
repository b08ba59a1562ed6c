// Plain tables for terminals and pipes: columns by spaces, numbers to the right, nothing drawn.

/** A cell; undefined: empty. */
export type Cell = string | number | undefined;

/** What stands in a column of numbers where there is none. */
const NO_NUMBER: ReadonlySet<Cell> = new Set([undefined, '', '-']);

/** A line for the heads, and one a row. Whatever could move the cursor is shown, not sent. */
export function table(heads: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [heads, ...rows.map((row) => row.map(textOf))];
  const widths = heads.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const isNumber = heads.map(
    (_, column) =>
      rows.some((row) => typeof row[column] === 'number') &&
      rows.every((row) => typeof row[column] === 'number' || NO_NUMBER.has(row[column])),
  );
  return lines
    .map((line) => {
      const cells = heads.map((_, column) => {
        const text = line[column] ?? '';
        return isNumber[column] ? text.padStart(widths[column]!) : text.padEnd(widths[column]!);
      });
      return `${cells.join('  ').trimEnd()}\n`;
    })
    .join('');
}

function textOf(cell: Cell): string {
  if (typeof cell === 'number') return cell.toLocaleString('en');
  return shown(cell ?? '');
}

/** A text from elsewhere that is printed: control characters are escaped, since a terminal obeys them. */
export function shown(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
