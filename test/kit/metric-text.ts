// Strict readers of what /metrics prints: Prometheus' text format 0.0.4 and OpenMetrics 1.0. Whatever the formats forbid is an error here.

export interface ReadExemplar {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly atS: number;
}

export interface ReadSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly exemplar: ReadExemplar | null;
}

export interface ReadFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: ReadSample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*/;
const NUMBER = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf|nan)/i;
const TYPES = { text: ['counter', 'gauge', 'histogram'], open: ['counter', 'gauge', 'histogram'] } as const;

class Line {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get rest(): string {
    return this.#text.slice(this.at);
  }

  fail(why: string): never {
    throw new Error(`${why}: ${this.#text}`);
  }

  skip(text: string): void {
    if (!this.rest.startsWith(text)) this.fail(`no ${JSON.stringify(text)} at ${this.at}`);
    this.at += text.length;
  }

  take(pattern: RegExp, what: string): string {
    const found = pattern.exec(this.rest)?.[0];
    if (found === undefined) this.fail(`no ${what} at ${this.at}`);
    this.at += found.length;
    return found;
  }

  number(): number {
    const text = this.take(NUMBER, 'number');
    return Number(text.replace(/inf/i, 'Infinity').replace(/nan/i, 'NaN'));
  }

  labels(): Record<string, string> {
    const labels: Record<string, string> = {};
    if (!this.rest.startsWith('{')) return labels;
    this.skip('{');
    while (!this.rest.startsWith('}')) {
      if (Object.keys(labels).length > 0) this.skip(',');
      const name = this.take(LABEL, 'label');
      if (name in labels) this.fail(`label ${name} twice`);
      this.skip('="');
      labels[name] = this.#quoted();
    }
    this.skip('}');
    return labels;
  }

  /** A label's value: `\\`, `\"` and `\n` are all that a backslash may stand before. */
  #quoted(): string {
    let value = '';
    for (;;) {
      const c = this.#text[this.at++];
      if (c === undefined) this.fail('a quote that is not closed');
      if (c === '"') return value;
      if (c !== '\\') value += c;
      else {
        const escaped = { '\\': '\\', '"': '"', n: '\n' }[this.#text[this.at++] ?? ''];
        if (escaped === undefined) this.fail('a backslash before nothing that it escapes');
        value += escaped;
      }
    }
  }
}

/** Reads a whole text; throws for the first thing that is wrong with it. */
export function readMetrics(text: string, form: 'text' | 'open'): Map<string, ReadFamily> {
  const open = form === 'open';
  if (!text.endsWith('\n')) throw new Error('the last line is not ended');
  const lines = text.slice(0, -1).split('\n');
  if (open && lines.pop() !== '# EOF') throw new Error('no # EOF at the end');
  const families = new Map<string, ReadFamily>();
  const seen = new Set<string>();
  let family: ReadFamily | null = null;
  let help: { name: string; text: string } | null = null;
  for (const line of lines) {
    if (line === '') {
      if (open) throw new Error('an empty line');
      continue;
    }
    if (line.startsWith('# HELP ')) {
      const [, name = '', told = ''] = /^# HELP (\S+) (.*)$/.exec(line) ?? [];
      if (NAME.exec(name)?.[0] !== name || told === '') throw new Error(line);
      if (/\\(?![\\n"])/.test(told) || (open && /(?<!\\)"/.test(told)))
        throw new Error(`not escaped: ${line}`);
      help = { name, text: told };
      continue;
    }
    if (line.startsWith('# TYPE ')) {
      const [, name = '', type = ''] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
      if (!(TYPES[form] as readonly string[]).includes(type)) throw new Error(line);
      if (families.has(name)) throw new Error(`twice, or in two places: ${line}`);
      if (help?.name !== name) throw new Error(`no help: ${line}`);
      if (open && /_(total|created|bucket|count|sum|info)$/.test(name) && type === 'counter')
        throw new Error(`a reserved ending: ${line}`);
      family = { name, type, help: help.text, samples: [] };
      families.set(name, family);
      continue;
    }
    if (line.startsWith('#')) throw new Error(`a comment: ${line}`);
    if (family === null) throw new Error(`of no family: ${line}`);
    const sample = readSample(line, family, open);
    const key = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort())}`;
    if (seen.has(key)) throw new Error(`twice: ${line}`);
    seen.add(key);
    family.samples.push(sample);
  }
  for (const one of families.values()) if (one.type === 'histogram') checkHistogram(one);
  return families;
}

function readSample(text: string, family: ReadFamily, open: boolean): ReadSample {
  const line = new Line(text);
  const name = line.take(NAME, 'name');
  const labels = line.labels();
  line.skip(' ');
  const value = line.number();
  const ends = { histogram: ['_bucket', '_sum', '_count'], counter: open ? ['_total'] : [''], gauge: [''] };
  const allowed = ends[family.type as keyof typeof ends].map((end) => family.name + end);
  if (!allowed.includes(name)) line.fail(`no name of ${family.type} ${family.name}`);
  if ((name.endsWith('_bucket') && family.type === 'histogram') !== 'le' in labels) line.fail('le');
  if (family.type === 'counter' && !(value >= 0)) line.fail('a counter below zero');
  let exemplar: ReadExemplar | null = null;
  if (line.rest !== '') {
    if (!open) line.fail('more than a sample');
    if (!name.endsWith('_bucket') && !name.endsWith('_total')) line.fail('an exemplar where none may be');
    line.skip(' # ');
    const of = line.labels();
    line.skip(' ');
    const at = line.number();
    line.skip(' ');
    exemplar = { labels: of, value: at, atS: line.number() };
    const runes = Object.entries(of).reduce((sum, [k, v]) => sum + [...k].length + [...v].length, 0);
    if (runes > 128) line.fail('an exemplar of more than 128 characters');
  }
  if (line.rest !== '') line.fail('more behind the sample');
  return { name, labels, value, exemplar };
}

/** Buckets rise, end in +Inf, and agree with the count; an exemplar lies in its bucket. */
function checkHistogram(family: ReadFamily): void {
  const series = new Map<string, ReadSample[]>();
  for (const sample of family.samples) {
    const { le: _le, ...rest } = sample.labels;
    const key = JSON.stringify(Object.entries(rest).sort());
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const [key, samples] of series) {
    const wrong = (why: string): never => {
      throw new Error(`${family.name}${key}: ${why}`);
    };
    const buckets = samples.filter(({ name }) => name.endsWith('_bucket'));
    let bound = Number.NEGATIVE_INFINITY;
    let below = 0;
    for (const { labels, value, exemplar } of buckets) {
      const le = Number(labels.le!.replace('+Inf', 'Infinity'));
      if (!(le > bound)) wrong(`the bound ${labels.le} does not rise`);
      if (value < below) wrong(`the bucket ${labels.le} holds less than the one before`);
      if (exemplar !== null && !(exemplar.value > bound && exemplar.value <= le))
        wrong(`an exemplar of ${exemplar.value} in ${labels.le}`);
      [bound, below] = [le, value];
    }
    if (bound !== Number.POSITIVE_INFINITY) wrong('no bucket above all');
    const count = samples.find(({ name }) => name.endsWith('_count'))?.value;
    if (count !== below) wrong(`a count of ${count}, and ${below} in the last bucket`);
    if (!samples.some(({ name }) => name.endsWith('_sum'))) wrong('no sum');
  }
}
