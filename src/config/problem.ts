// What is wrong with a config: a value that is collected with all others, so that one look mends everything.

/** Where in the file something stands: offsets into its text, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** One thing wrong, or doubtful, in a config. */
export interface ConfigProblem {
  /** An error keeps the config from being used; a warning does not. */
  readonly severity: 'error' | 'warning';
  readonly file: string;
  /** 1-based; 0 when the whole file is meant (it is missing, or too large). */
  readonly line: number;
  /** 1-based, in characters; 0 with line 0. */
  readonly column: number;
  /** The key, such as `pools.shop.upstreams[1].url`; empty for the whole file. */
  readonly path: string;
  /** What is wrong. Holds no secret. */
  readonly message: string;
  /** What would be right; empty when the message says it all. */
  readonly hint: string;
  /** The line itself with its secrets masked, and where the caret goes (0-based); null without a line. */
  readonly excerpt: { readonly text: string; readonly caret: number; readonly width: number } | null;
}

/** A problem before its line is known. `span` null: the whole file. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly span: Span | null;
  readonly path: string;
  readonly message: string;
  readonly hint: string;
}

/** Findings kept at most: a file of nonsense must not become a report without end. */
const FINDINGS_MAX = 100;

/** Collects findings, at most `FINDINGS_MAX`; the same place is blamed for the same thing once. */
export class Findings {
  readonly list: Finding[] = [];
  /** Findings beyond the bound. */
  left = 0;
  readonly #seen = new Set<string>();

  error(span: Span | null, path: string, message: string, hint = ''): void {
    this.#add({ severity: 'error', span, path, message, hint });
  }

  warning(span: Span | null, path: string, message: string, hint = ''): void {
    this.#add({ severity: 'warning', span, path, message, hint });
  }

  /** True when no more are kept: whoever finds more need not say it well. */
  get full(): boolean {
    return this.list.length >= FINDINGS_MAX;
  }

  get failed(): boolean {
    return this.list.some((finding) => finding.severity === 'error');
  }

  #add(finding: Finding): void {
    const mark = `${finding.span?.start} ${finding.message}`;
    if (this.#seen.has(mark)) return;
    if (this.full) {
      this.left++;
      return;
    }
    this.#seen.add(mark);
    this.list.push(finding);
  }
}
