// A message read once more, plainly and by regular expressions, so that an explanation is a fact about its bytes and not the parser's word.
import { isIPv6 } from 'node:net';

/** One message: its bytes to the end of the case, Latin-1. Pipelined ones may stand behind it. */
export class MessageView {
  readonly text: string;
  readonly emptyLines: number;
  /** Request line or status line. */
  readonly line: string;
  /** Start line and field lines, without the empty line. */
  readonly head: string;
  /** Behind the empty line. */
  readonly body: string;
  /** The field lines as they stand. */
  readonly lines: readonly string[];
  /** An answer to HEAD. */
  readonly toHead: boolean;
  /** An interim answer came before it. */
  readonly interimBefore: boolean;

  constructor(text: string, toHead = false, interimBefore = false) {
    this.text = text;
    this.toHead = toHead;
    this.interimBefore = interimBefore;
    this.emptyLines = /^(?:\r\n)*/.exec(text)![0].length / 2;
    const from = 2 * this.emptyLines;
    const end = text.indexOf('\r\n\r\n', from);
    this.head = text.slice(from, end < 0 ? undefined : end);
    this.body = end < 0 ? '' : text.slice(end + 4);
    const [line = '', ...lines] = this.head.split('\r\n');
    this.line = line;
    this.lines = lines;
  }

  get method(): string {
    return this.line.split(' ')[0]!;
  }

  get target(): string {
    return this.line.split(' ')[1] ?? '';
  }

  get version(): string {
    return this.line.split(' ')[2] ?? '';
  }

  /** The values of a field, without the whitespace around them. */
  values(name: string): string[] {
    const wanted = `${name.toLowerCase()}:`;
    return this.lines
      .filter((line) => line.toLowerCase().startsWith(wanted))
      .map((line) => line.slice(wanted.length).replace(/^[ \t]+|[ \t]+$/g, ''));
  }

  /** The elements of a list field. */
  elements(name: string): string[] {
    return this.values(name)
      .flatMap((value) => value.split(','))
      .map((element) => element.replace(/^[ \t]+|[ \t]+$/g, ''))
      .filter((element) => element !== '');
  }
}

/** Whether a text is `host[:port]` (rule R7). */
export function isHost(text: string): boolean {
  const parts = /^(?:\[([^\]]*)\]|((?:[\w.~!$&'()*+,;=-]|%[0-9a-f]{2})+))(?::(\d{0,5}))?$/i.exec(text);
  if (parts === null || Number(parts[3] ?? 0) > 65535) return false;
  return parts[1] === undefined || (isIPv6(parts[1]) && !parts[1].includes('%'));
}

/** What a walk over a chunked body came upon. */
export interface ChunkWalk {
  /** The chunk lines, the last one perhaps not sound. */
  readonly lines: readonly string[];
  /** Behind the last chunk's line; null where the walk did not get there. */
  readonly trailers: string | null;
}

/** Walks a chunked body as far as its lines begin with a size. */
export function walkChunks(body: string): ChunkWalk {
  const lines: string[] = [];
  for (let at = 0; ; ) {
    const end = body.indexOf('\r\n', at);
    const line = body.slice(at, end < 0 ? undefined : end);
    lines.push(line);
    const size = /^[0-9a-f]+/i.exec(line);
    if (end < 0 || size === null) return { lines, trailers: null };
    const bytes = Number.parseInt(size[0], 16);
    if (bytes === 0) return { lines, trailers: body.slice(end + 2) };
    at = end + 2 + bytes + 2;
    if (at > body.length) return { lines, trailers: null };
  }
}

/** The trailer fields behind the last chunk, as lines. */
export function trailerLines(body: string): string[] {
  const { trailers } = walkChunks(body);
  if (trailers === null) return [];
  const end = trailers.startsWith('\r\n') ? 0 : trailers.indexOf('\r\n\r\n');
  return trailers.slice(0, end < 0 ? undefined : end).split('\r\n');
}
