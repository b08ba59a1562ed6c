// The text of a config as a YAML document whose every node knows its place, with the environment filled in.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${ENV}` is the notation of the config itself.
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
  visit,
} from 'yaml';
import type { Findings, Span } from './problem.ts';
import { holdsSecret, isSensitiveKey } from './sensitive.ts';

/** Largest file that is read. */
export const CONFIG_BYTES_MAX = 1024 * 1024;
/** Aliases in a document: each repeats what it stands for. */
const ALIASES_MAX = 100;
/** Lines with broken YAML that are told. */
const SYNTAX_LINES_MAX = 10;
/** A scalar of nothing but variables, without defaults. */
const VARIABLES = /^["']?(\$\{[A-Za-z_][A-Za-z0-9_]*\})+["']?$/;
/** Keys beside a secret that say what it is. */
const BESIDE_SECRETS = new Set(['name', 'access', 'file']);
/** Shorter values stand in messages by chance, and are no secrets that could be kept. */
const HIDDEN_MIN = 4;

/** A config's text, parsed. */
export class Source {
  readonly text: string;
  readonly lines = new LineCounter();
  readonly document: Document.Parsed;
  /** Scalars that got their text from the environment: it is never printed. */
  readonly fromEnvironment = new Set<Node>();
  /** Scalars already blamed: nothing more is said of them. */
  readonly broken = new Set<Node>();
  /** Values that no message may hold, and what is shown in their stead. */
  readonly hidden = new Map<string, string>();
  /** Spans that hold secrets. */
  readonly secrets: Span[] = [];
  /** What aliases stand for; those that stand for nothing are not in it. */
  readonly #aliased = new Map<Alias, Node>();
  /** True when the YAML itself is broken, and nothing in it is to be trusted. */
  readonly unreadable: boolean;

  constructor(text: string, env: NodeJS.ProcessEnv, findings: Findings) {
    this.text = text;
    // Not left to the parser, whose own count misses the empty lines of a quoted scalar that stands where none may.
    this.lines.addNewLine(0);
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.lines.addNewLine(at + 1);
    // Duplicate keys are found by the reader, in linear time.
    this.document = parseDocument(text, {
      prettyErrors: false,
      uniqueKeys: false,
      stringKeys: false,
      // Nothing is printed by parseDocument; `silent` would also hide a second document.
      logLevel: 'error',
    });
    // One mistake makes the parser stumble often: the first of a line says it, and the first lines matter.
    const lines = new Set<number>();
    for (const error of this.document.errors) {
      const [start, end] = error.pos;
      const { line } = this.lines.linePos(start);
      if (lines.has(line) || lines.size >= SYNTAX_LINES_MAX) continue;
      lines.add(line);
      if (text.startsWith('${', start - 1)) {
        // Within `[…]` and `{…}` YAML reads the brace as its own.
        const hint = `quotation marks around the whole of it: "\${NAME}"`;
        findings.error(
          { start: start - 1, end: start + 1 },
          '',
          'a variable between brackets must stand in quotation marks',
          hint,
        );
        continue;
      }
      // What is not closed has the code of what is badly indented.
      const opened = error.message.startsWith('Flow') ? openedBefore(text, start) : null;
      if (opened !== null) {
        const [open, close] = [text[opened]!, text[opened] === '[' ? ']' : '}'];
        const hint = `\`${close}\` behind the last of what it holds`;
        findings.error({ start: opened, end: opened + 1 }, '', `this \`${open}\` is not closed`, hint);
        continue;
      }
      const hint = error.message.startsWith('Flow') ? '' : HINTS[error.code];
      let from = start;
      while (text[from] === ' ') from++;
      findings.error({ start: from, end: Math.max(end, from + 1) }, '', plain(error.message), hint ?? '');
    }
    for (const warning of this.document.warnings) {
      findings.error({ start: warning.pos[0], end: warning.pos[1] }, '', plain(warning.message));
    }
    this.unreadable = findings.failed;
    if (!this.unreadable) this.#prepare(env, findings);
  }

  /** Where a node stands; null for a node that the config does not hold, such as a default. */
  spanOf(node: Node | null | undefined): Span | null {
    const range = node?.range;
    return range ? { start: range[0], end: Math.max(range[0], range[1]) } : null;
  }

  /** The node itself, or what an alias stands for; null when that is nothing. */
  resolve(node: unknown): Node | null {
    if (isAlias(node)) return this.#aliased.get(node) ?? null;
    return (node ?? null) as Node | null;
  }

  /** Keeps the scalars at and below a node out of every excerpt; names beside secrets stay. */
  hideScalars(node: Node | null): void {
    if (isScalar(node)) {
      const span = this.spanOf(node);
      // A variable's name is no secret, and tells where to look.
      if (span !== null && !VARIABLES.test(this.text.slice(span.start, span.end))) this.secrets.push(span);
    } else if (isSeq(node)) {
      for (const item of node.items) this.hideScalars(item as Node);
    } else if (isMap(node)) {
      for (const pair of node.items) {
        const name = isScalar(pair.key) ? String(pair.key.value) : '';
        if (!BESIDE_SECRETS.has(name)) this.hideScalars(pair.value as Node | null);
      }
    }
  }

  /** Keeps a value out of every message. */
  hide(value: string, shown: string): void {
    if (value.length >= HIDDEN_MIN) this.hidden.set(value, shown);
  }

  /** A message without hidden values, as they are or as they stand in a quotation; in either case, since names of hosts are read in lower case. */
  redact(text: string): string {
    let redacted = text;
    // Longest first, since one may hold another.
    for (const [value, shown] of [...this.hidden].sort(([a], [b]) => b.length - a.length)) {
      for (const written of new Set([value, JSON.stringify(value).slice(1, -1)]))
        redacted = redacted.replace(new RegExp(literally(written), 'gi'), () => shown);
    }
    return redacted;
  }

  #prepare(env: NodeJS.ProcessEnv, findings: Findings): void {
    let aliases = 0;
    // The last one of each name so far, which is what an alias means (YAML 1.2.2 section 7.1). Not asked of the package, which walks the document for each.
    const anchors = new Map<string, Node>();
    const note = (node: Node & { readonly anchor?: string }): void => {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
    };
    visit(this.document, {
      Map: (_key, node) => note(node),
      Seq: (_key, node) => note(node),
      Alias: (_key, node) => {
        aliases++;
        const span = this.spanOf(node);
        const target = anchors.get(node.source);
        if (target === undefined) {
          findings.error(span, '', `no anchor \`&${node.source}\` stands before this alias`);
        } else if (aliases > ALIASES_MAX) {
          const what = `the file has more than ${ALIASES_MAX} aliases`;
          if (aliases === ALIASES_MAX + 1) findings.error(span, '', what, 'write the values out');
        } else this.#aliased.set(node, target);
        if (!this.#aliased.has(node)) this.broken.add(node);
      },
      Pair: (_key, pair) => {
        if (isScalar(pair.key) && isSensitiveKey(String(pair.key.value)) && !isTokenBlock(pair))
          this.hideScalars(pair.value as Node | null);
      },
      Scalar: (key, node) => {
        note(node);
        if (typeof node.value === 'string' && holdsSecret(node.value)) this.hideScalars(node);
        if (key !== 'key' && typeof node.value === 'string' && node.value.includes('${')) {
          this.#substitute(node as Scalar<string>, env, findings);
        }
      },
    });
  }

  /** Puts the environment's values in: `${NAME}`, `${NAME:-default}`; `$${` stands for `${` itself. */
  #substitute(node: Scalar<string>, env: NodeJS.ProcessEnv, findings: Findings): void {
    let used = false;
    let failed = false;
    const text = node.value.replace(/\$\$\{|\$\{([^}]*)(\}?)/g, (whole, inner?: string, close?: string) => {
      if (inner === undefined) return '${';
      used = true;
      const match = close === '' ? null : /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inner);
      const blame = (message: string, hint: string): string => {
        failed = true;
        findings.error(this.#spanWithin(node, whole), '', message, hint);
        return '';
      };
      if (match === null) {
        return blame(
          close === '' ? 'this `${` is not closed' : 'this is not the name of an environment variable',
          '${NAME} or ${NAME:-default}; a literal `${` is written `$${`',
        );
      }
      const name = match[1]!;
      const value = Object.hasOwn(env, name) ? env[name] : undefined;
      if (value !== undefined && (value !== '' || match[2] === undefined)) {
        this.hide(value, whole);
        return value;
      }
      if (match[2] !== undefined) return match[2];
      return blame(`the environment has no ${name}`, `set ${name}, or write \${${name}:-default}`);
    });
    node.value = text;
    if (used) this.fromEnvironment.add(node);
    if (failed) this.broken.add(node);
  }

  #spanWithin(node: Node, part: string): Span | null {
    const span = this.spanOf(node);
    if (span === null) return null;
    const at = this.text.slice(span.start, span.end).indexOf(part);
    return at < 0 ? span : { start: span.start + at, end: span.start + at + part.length };
  }
}

/** What the YAML library says, in the words of someone who writes a config. */
function plain(message: string): string {
  for (const [said, meant] of SAID) if (said.test(message)) return message.replace(said, meant);
  const first = message.split('\n')[0]!.replace(/[.:]$|: ".*$/, '');
  return first.charAt(0).toLowerCase() + first.slice(1);
}

/**
 * Where the innermost list or map in brackets begins that is still open at `end`; null: none is. Brackets in comments and in quotation marks are
 * none; a quotation mark or a `#` within a word is part of it (YAML 1.2.2 sections 6.6 and 7.3).
 */
function openedBefore(text: string, end: number): number | null {
  const open: number[] = [];
  for (let at = 0; at < end; at++) {
    const char = text[at]!;
    const begins = at === 0 || /[\s[{,:]/.test(text[at - 1]!);
    if (char === '#' && begins) at = text.indexOf('\n', at);
    else if ((char === '"' || char === "'") && begins) at = quoteEnd(text, at);
    else if (char === '[' || char === '{') {
      if (begins || open.length > 0) open.push(at);
    } else if (char === ']' || char === '}') open.pop();
    // Nothing more is closed behind it.
    if (at < 0) break;
  }
  return open.at(-1) ?? null;
}

/** Where a scalar in quotation marks ends, its last mark included; -1: it does not. */
function quoteEnd(text: string, start: number): number {
  const mark = text[start]!;
  for (let at = start + 1; at < text.length; at++) {
    if (mark === '"' && text[at] === '\\') at++;
    else if (text[at] === mark) return at;
  }
  return -1;
}

/** A regular expression for the very text. */
function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** `pass.token` says how a token is made, and holds none. */
function isTokenBlock({ value }: Pair): boolean {
  return isMap(value) && isMap(value.get('jwt'));
}

const SAID: readonly (readonly [said: RegExp, meant: string])[] = [
  [/^.*(call stack|stack overflow).*$/is, 'this is nested too deeply'],
  [/^.*multiple documents.*$/s, 'the file holds more than one document'],
  [/^Missing closing ["']quote$/, 'a quotation mark before this is not closed'],
  [/^Flow (sequence|map) .*(?:with|by) a ([\]}])$/, 'a list or map before this is not closed by `$2`'],
  [/^Implicit (map )?keys need to be followed by map values$/, 'this is no key, since no `:` follows'],
  [/^All mapping items must start at the same column$/, 'this key does not begin where those before it do'],
  [/^Unresolved tag.*$/s, 'a tag means nothing here'],
  // It quotes the text, which may be a secret.
  [/^Unexpected .*$/s, 'this does not belong here'],
];

const HINTS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'indent with spaces',
  MULTIPLE_DOCS: 'one document, without a second `---`',
  BAD_INDENT: 'keys of one block begin in the same column',
};

/** A scalar's YAML type by its text alone, for plain scalars that came from the environment. */
export function coreValue(text: string): unknown {
  if (/^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/.test(text)) return Number(text);
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  return text;
}

/** True when nothing but the environment's text stands in a scalar without quotes. */
export function isPlain(node: Node): boolean {
  return isScalar(node) && node.type === Scalar.PLAIN;
}
