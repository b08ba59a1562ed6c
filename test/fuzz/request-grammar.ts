// Makes streams of requests: mostly sound ones, with the oddities that have told parsers apart strewn in.
import type { Chance } from './chance.ts';
import { chunkedBody } from './chunk-grammar.ts';
import {
  CODING_NAMES,
  CODINGS,
  CONNECTIONS,
  HOSTS,
  ID_MARK,
  LENGTHS,
  LINE_ENDS,
  METHODS,
  NAMES,
  ODD_CODING_NAMES,
  ODD_CONNECTIONS,
  ODD_HOSTS,
  ODD_LENGTHS,
  ODD_METHODS,
  ODD_NAMES,
  ODD_TARGETS,
  ODD_VALUES,
  ODD_VERSIONS,
  SPACES,
  TARGETS,
  VALUES,
  VERSIONS,
} from './request-pieces.ts';

/** One to three requests and what may stand before, between and behind them. */
export function makeRequests(chance: Chance): string {
  let text = chance.one(24) ? '\r\n'.repeat(1 + chance.below(6)) : '';
  const count = chance.pick([1, 1, 2, 3]);
  for (let i = 0; i < count; i++) {
    text += makeRequest(chance, i === count - 1);
    if (chance.one(24)) text += chance.pick(['\r\n', '\n', '\r', ' ', '\0', '\r\n\r\n', 'x']);
  }
  return chance.one(16) ? text.slice(0, chance.below(text.length + 1)) : text;
}

/** Every oddity has a chance of its own, so that most requests have none or one. */
const RARE = 40;

function makeRequest(chance: Chance, isLast: boolean): string {
  const space = (): string => (chance.one(RARE * 2) ? chance.pick(SPACES) : ' ');
  const method = chance.mostly(METHODS, RARE, ODD_METHODS);
  const target = chance.one(10_000) ? `/${'x'.repeat(8200)}` : chance.mostly(TARGETS, 12, ODD_TARGETS);
  const version = chance.mostly(VERSIONS, RARE, ODD_VERSIONS);
  const { fields, body } = framing(chance);
  const lines: string[] = [];
  if (!chance.one(RARE * 2)) lines.push(`Host: ${chance.mostly(HOSTS, RARE, ODD_HOSTS)}`);
  if (chance.one(RARE * 2)) lines.push(`Host: ${chance.pick(HOSTS)}`);
  for (let i = chance.below(5); i > 0; i--) lines.push(field(chance));
  if (chance.one(400)) for (let i = 95 + chance.below(6); i > 0; i--) lines.push('X-A: b');
  if (chance.one(isLast ? 4 : 12))
    lines.push(`Connection: ${chance.mostly(CONNECTIONS, 4, ODD_CONNECTIONS)}`);
  if (chance.one(16)) lines.push(`Upgrade: ${chance.pick(['websocket', 'h2c', 'h2c, x', '', 'x/1', ','])}`);
  if (chance.one(30))
    lines.push(`Expect: ${chance.pick(['100-continue', '100-Continue', 'x', '100-continue, x'])}`);
  for (const line of fields) lines.splice(chance.below(lines.length + 1), 0, line);
  const end = (): string => (chance.one(RARE * 6) ? chance.pick(LINE_ENDS) : '\r\n');
  let text = `${method}${space()}${target}${space()}${version}${end()}`;
  for (const line of lines) text += `${line}${end()}`;
  return `${text}${end()}${body}`;
}

function field(chance: Chance): string {
  if (chance.one(20_000)) return `X-Long: ${'y'.repeat(33_000)}`;
  const name = chance.mostly(NAMES, RARE, ODD_NAMES);
  const colon = chance.mostly([': ', ':'], RARE, [
    ':  ',
    ':\t',
    ' : ',
    '\t:',
    '',
    ' ',
    ':\r\n ',
    '::',
    ':\x0b',
    ': \0',
  ]);
  return `${name}${colon}${chance.mostly(VALUES, RARE / 2, ODD_VALUES)}`;
}

/** Framing fields and a body that mostly goes with them. */
function framing(chance: Chance): { fields: string[]; body: string } {
  switch (chance.below(8)) {
    case 0:
    case 1: {
      const length = chance.mostly(LENGTHS, 12, ODD_LENGTHS);
      const fields = [`Content-Length: ${length}`];
      if (chance.one(16)) fields.push(`Content-Length: ${chance.one(2) ? length : chance.pick(LENGTHS)}`);
      const said = Number.parseInt(length, 10);
      const bytes = Math.min(Number.isNaN(said) || said < 0 ? 3 : said, 100);
      return { fields, body: content(chance, chance.one(16) ? chance.below(12) : bytes) };
    }
    case 2:
    case 3: {
      const name = chance.mostly(CODING_NAMES, RARE, ODD_CODING_NAMES);
      const fields = [`${name}: ${chance.mostly(['chunked'], 8, CODINGS)}`];
      if (chance.one(16)) fields.push(`${chance.pick(CODING_NAMES)}: ${chance.pick(CODINGS)}`);
      if (chance.one(16)) fields.push(`Content-Length: ${chance.mostly(LENGTHS, 4, ODD_LENGTHS)}`);
      return { fields, body: chunkedBody(chance) };
    }
    default:
      return { fields: [], body: chance.one(40) ? content(chance, 5) : '' };
  }
}

/** Content that would be a request of its own if it were taken for one. */
function content(chance: Chance, length: number): string {
  const text = chance.one(3)
    ? `GET ${ID_MARK} HTTP/1.1\r\nHost: a\r\n\r\n`
    : chance.octets(Math.min(length, 8));
  return text.repeat(Math.ceil(length / Math.max(1, text.length))).slice(0, length);
}
