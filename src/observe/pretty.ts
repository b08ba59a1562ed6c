// Log lines for a person at a terminal: one line an event, one line a request, and no byte that could steer the terminal.
import { prettyFactory } from 'pino-pretty';

/** What marks an access line that can be told in short among the others: it has these fields and no message. */
const ACCESS_FIELDS = ['method', 'path', 'status', 'durationMs'] as const;

/** A function that turns lines of JSON into lines for people, in colour if asked. What is no JSON passes, made harmless. */
export function makePretty(colour: boolean): (lines: string) => string {
  const common = { colorize: colour, translateTime: 'SYS:HH:MM:ss.l', singleLine: true } as const;
  const event = prettyFactory(common);
  const access = prettyFactory({ ...common, hideObject: true, messageFormat: (line) => accessText(line) });
  return (lines) => {
    let out = '';
    for (const line of lines.split('\n')) {
      if (line === '') continue;
      const fields = parse(line);
      if (fields === null) out += `${harmless(line)}\n`;
      else out += `${(isAccess(fields) ? access : event)(fields).trimEnd()}\n`;
    }
    return out;
  };
}

/** `GET shop.example.com/cart 200 3.1 ms -> shop/blue kept`. */
function accessText(line: Readonly<Record<string, unknown>>): string {
  const where = line.upstream === undefined ? '' : ` -> ${line.pool}/${line.upstream}`;
  const home = line.affinity === undefined || line.affinity === 'none' ? '' : ` ${line.affinity}`;
  const fault = line.fault === undefined ? '' : ` ${line.fault} (${line.endedBy})`;
  return `${line.method} ${line.host ?? ''}${line.path} ${line.status} ${line.durationMs} ms${where}${home}${fault}`;
}

function isAccess(fields: Readonly<Record<string, unknown>>): boolean {
  return !('msg' in fields) && ACCESS_FIELDS.every((name) => name in fields);
}

function parse(line: string): Record<string, unknown> | null {
  try {
    const fields: unknown = JSON.parse(line, (key, value: unknown) =>
      typeof value === 'string'
        ? key === 'stack'
          ? value.split('\n').map(harmless).join('\n')
          : harmless(value)
        : value,
    );
    // The check above the cast: an object that is no array.
    if (typeof fields === 'object' && fields !== null && !Array.isArray(fields))
      return fields as Record<string, unknown>;
    return null;
  } catch {
    return null;
  }
}

/** Control characters (C0, DEL, C1) become spaces: an escape sequence in a path or a reason must not reach the terminal. */
function harmless(text: string): string {
  // Because: control characters are what this expression is for.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are looked for on purpose
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
}
