// What an authority says went wrong (RFC 7807, RFC 8555 section 6.7), as one clean line.

/** A problem document, as far as it is told. */
export interface Problem {
  /** Without the namespace of ACME: `rateLimited`. */
  readonly type: string;
  readonly detail: string;
  /** Of the names that it is about, if it says. */
  readonly parts: readonly string[];
}

const NAMESPACE = 'urn:ietf:params:acme:error:';
/** Longest line that is told. */
const LINE_MAX = 400;
const PARTS_MAX = 3;

/** Null: this is none. Anything may come. */
export function readProblem(value: unknown): Problem | null {
  const problem = fieldsOf(value);
  if (problem === null) return null;
  const type = textOf(problem.type).replace(NAMESPACE, '');
  const detail = textOf(problem.detail);
  if (type === '' && detail === '') return null;
  const given = Array.isArray(problem.subproblems) ? problem.subproblems.slice(0, PARTS_MAX) : [];
  const parts = given.flatMap((one: unknown) => {
    const part = fieldsOf(one);
    const name = textOf(fieldsOf(part?.identifier)?.value);
    const what = textOf(part?.detail);
    return what === '' ? [] : [name === '' ? what : `${name}: ${what}`];
  });
  return { type, detail, parts };
}

export function sentenceOf({ type, detail, parts }: Problem): string {
  const what = [detail, ...parts].filter((text) => text !== '').join('; ');
  return what === '' ? type : type === '' ? what : `${what} (${type})`;
}

/** Without line ends and other characters that a log or a terminal would obey, and not longer than a line should be. */
export function oneLine(text: string): string {
  const clean = text
    .slice(0, 10 * LINE_MAX)
    .replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
  return clean.length <= LINE_MAX ? clean : `${clean.slice(0, LINE_MAX - 1)}…`;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null; // of JSON
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? oneLine(value) : '';
}
