// The line that a problem is about, with its secrets masked, and where the caret goes under it.
import type { ConfigProblem, Span } from './problem.ts';
import { maskUserinfo, secretValueAt } from './sensitive.ts';
import type { Source } from './source.ts';

/** Longest part of a line that is shown. */
const COLUMNS_MAX = 160;
const MASK = '***';
/** The excerpt for a span; null without one. */
export function excerptOf(source: Source, span: Span | null): ConfigProblem['excerpt'] {
  if (span === null) return null;
  const { text } = source;
  // A search from −1 begins at 0 and would find a line end there.
  const from = span.start === 0 ? 0 : text.lastIndexOf('\n', span.start - 1) + 1;
  const newline = text.indexOf('\n', span.start);
  const to = newline < 0 ? text.length : newline;
  const hidden = source.unreadable ? guessSecrets(text, from, to) : source.secrets;
  const spans = hidden.filter((secret) => secret.end > from && secret.start < to);
  let line = '';
  let at = from;
  for (const secret of spans.sort((a, b) => a.start - b.start)) {
    if (secret.end <= at) continue;
    line += text.slice(at, Math.max(at, secret.start)) + MASK;
    at = Math.min(to, secret.end);
  }
  line += text.slice(at, to);
  const caret = shownAt(span.start, from, spans);
  const end = shownAt(Math.min(span.end, to), from, spans);
  return clip(line, caret, end - caret);
}

/** The column at which an offset stands once secrets before it are masked; one inside a secret is at the mask's end. */
function shownAt(offset: number, from: number, secrets: readonly Span[]): number {
  let column = offset - from;
  let at = from;
  for (const secret of secrets) {
    const start = Math.max(at, secret.start);
    if (start >= offset) break;
    const hidden = Math.min(offset, secret.end) - start;
    if (hidden <= 0) continue;
    column += MASK.length - hidden;
    at = start + hidden;
  }
  return column;
}

/** Cuts a long line around its caret, and blanks what a terminal would act on and passwords in URLs. */
function clip(line: string, caret: number, width: number): ConfigProblem['excerpt'] {
  const before = maskUserinfo(line.slice(0, caret));
  // The part of a URL in front of the caret may be a password's beginning: it is masked as a whole line, too.
  const whole = maskUserinfo(line);
  const at = whole.length === line.length ? caret : Math.min(before.length, whole.length);
  const start = at > COLUMNS_MAX - 20 ? at - 40 : 0;
  // Tabs and control characters take one column here, so that the caret stands where it should.
  const shown = whole
    .slice(start, start + COLUMNS_MAX)
    .replace(/[\p{Cc}\p{Cf}]/gu, ' ')
    .trimEnd();
  return { text: shown, caret: at - start, width: Math.max(1, Math.min(width, shown.length - (at - start))) };
}

/**
 * What may be secret on the line [from, to) of a text that is not YAML: all that follows a key of a secret, on its line and
 * on the deeper or listed lines below it.
 */
function guessSecrets(text: string, from: number, to: number): Span[] {
  const line = text.slice(from, to);
  const own = secretValueAt(line);
  if (own >= 0) return [{ start: from + own, end: to }];
  const indent = line.search(/\S/);
  let end = from - 1;
  // Backwards to the line that opens the block; a text without any is walked once.
  while (end > 0) {
    const start = text.lastIndexOf('\n', end - 1) + 1;
    const above = text.slice(start, end);
    if (secretValueAt(above) >= 0) {
      const inside = indent > above.search(/\S/) || /^\s*[-\]}]/.test(line);
      return inside ? [{ start: from + Math.max(0, indent), end: to }] : [];
    }
    const aboveIndent = above.search(/\S/);
    if (aboveIndent === 0 && !/^[-\]}]/.test(above)) return [];
    end = start - 1;
  }
  return [];
}
