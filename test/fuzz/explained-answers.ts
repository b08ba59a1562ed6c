// Where Limpet and llhttp differ about an answer, but for its body.
// biome-ignore-all lint/suspicious/noControlCharactersInRegex: control bytes are what is looked for.
import { accepts, differ, type Explanation, refuses } from './explanation.ts';

export const ANSWER_EXPLANATIONS: readonly Explanation[] = [
  refuses(
    'response',
    'line.malformed',
    'A1, RFC 9112 4',
    'llhttp skips empty lines before an answer, and takes RTSP, ICE, more than one space and DEL in a reason.',
    (view) => view.emptyLines > 0 || !/^HTTP\/\d\.\d \d{3}(?: [^\x00-\x08\x0a-\x1f\x7f]*)?$/.test(view.line),
  ),
  refuses('response', 'line.bare-lf', 'A9, RFC 9112 2.2', 'llhttp skips bare LFs before an answer.', (view) =>
    /(?:^|[^\r])\n/.test(view.text),
  ),
  refuses('response', 'line.bare-cr', 'A9, RFC 9112 2.2', 'llhttp skips bare CRs before an answer.', (view) =>
    /\r(?!\n)/.test(view.text),
  ),
  refuses('response', 'version', 'A1', 'llhttp takes HTTP/0.9 and HTTP/2.0 in the guise of HTTP/1.', (view) =>
    /^HTTP\/[02-9]\.\d /.test(view.line),
  ),
  refuses(
    'response',
    'status',
    'A1, RFC 9110 15',
    'llhttp takes any three digits for a status, Limpet 100 to 599.',
    (view) => !/^HTTP\/\d\.\d [1-5]\d\d/.test(view.line),
  ),
  refuses(
    'response',
    'head.too-large',
    'F11',
    'The bound of llhttp is out of reach here.',
    (view) => view.head.length + 4 > 65_536,
  ),
  refuses(
    'response',
    'head.fields',
    'F11',
    'llhttp does not count fields.',
    (view) => view.lines.length > 256,
  ),
  accepts(
    'response',
    'HPE_CLOSED_CONNECTION Data after `Connection: close`',
    'C6, RFC 9110 15.2',
    'llhttp takes Connection in an interim answer for the end; an interim answer ends nothing.',
    (view) => view.interimBefore,
  ),
  differ(
    'response',
    'upgrade',
    'C7, RFC 9110 15.2.2',
    'Every 101 ends HTTP to Limpet, which compares it with what was asked for before it passes it on; llhttp looks for Upgrade.',
    (view) => / 101(?: |$)/.test(view.line),
  ),
  differ(
    'response',
    'keepAlive',
    'A2, RFC 9112 6.3',
    'llhttp is asked before it knows that the answer is to a HEAD and ends with its head, whatever its fields say.',
    (view) => view.toHead,
  ),
  {
    side: 'response',
    kind: '*',
    stricter: 'neither',
    source: 'A2, RFC 9112 6.3',
    why: 'No 1xx has a body; llhttp says so of 100 to 103 only and reads one for others that announce it.',
    holds: (view) => /^HTTP\/1\.\d 1(?!0[0-3])\d\d/.test(view.line),
  },
  {
    side: 'response',
    kind: 'limpet refuses ended early',
    stricter: 'Limpet',
    source: 'A7',
    why: 'Line ends and nothing else are no answer; llhttp skips them.',
    holds: (view) => /^[\r\n]*$/.test(view.text),
  },
];
