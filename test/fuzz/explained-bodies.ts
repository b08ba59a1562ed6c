// What requests and answers have in common: framing, chunked bodies, trailers and Connection.
import {
  accepts,
  badLength,
  chunkLine,
  codings,
  differ,
  type Explanation,
  extensionsOf,
  hasOption,
  LENGTH_WITH_CODING,
  notJustChunked,
  oddExtension,
  oddOption,
  refuses,
  tooLargeExtensions,
  tooManyOptions,
  trailerHas,
} from './explanation.ts';
import { trailerLines } from './message-view.ts';

/** Classes that requests and answers have in common: chunked bodies and transfer codings. */
export const BODY_EXPLANATIONS: readonly Explanation[] = (['request', 'response'] as const).flatMap(
  (side): Explanation[] => [
    refuses(
      side,
      'framing.version',
      'F3, RFC 9112 6.1',
      'llhttp reads Transfer-Encoding in HTTP/1.0, where it was never defined.',
      (view) => /(?:^|\s)HTTP\/1\.0(?:\s|$)/.test(view.line) && codings(view).length > 0,
    ),
    refuses(
      side,
      'framing.coding',
      'F2, A3',
      'llhttp takes lists of codings, the contents of which a proxy could not look into.',
      notJustChunked,
    ),
    refuses(
      side,
      'framing.malformed',
      'F2, A3',
      'llhttp takes repeats and lists that end with chunked, and strips no tab behind it; in an answer it then reads to the end of the connection.',
      notJustChunked,
    ),
    refuses(
      side,
      'framing.length',
      'F4',
      'llhttp takes lengths of 16 to 20 digits, which are no safe integers, and an empty length for none.',
      badLength,
    ),
    refuses(
      side,
      'connection.options',
      'H1',
      'Limpet bounds the work that Connection can ask for.',
      tooManyOptions,
    ),
    refuses(
      side,
      'chunk.size',
      'F6',
      'llhttp takes any number of leading zeros and sizes up to 2^64.',
      chunkLine(/^[0-9a-f]{14}/i),
    ),
    refuses(
      side,
      'chunk.extension',
      'F6',
      'llhttp takes a tab in a quoted value, Limpet no control byte at all.',
      (view) => extensionsOf(view).some((extension) => extension.includes('\t')),
    ),
    refuses(side, 'chunk.extension-size', 'F6', 'llhttp bounds no extensions.', tooLargeExtensions),
    refuses(
      side,
      'trailer.too-large',
      'F8',
      'llhttp counts trailers to the head, whose bound is out of reach here.',
      (view) => trailerLines(view.body).join('\r\n').length > 8180 || trailerLines(view.body).length > 100,
    ),
    ...[
      ...['character in chunk extensions', 'character in chunk extensions name'],
      ...['character in chunk extensions value', 'character in chunk extensions quote value'],
      ...['character in chunk extensions quoted value', 'quoted-pair in chunk extensions quoted value'],
    ].map((what) =>
      accepts(
        side,
        `HPE_STRICT Invalid ${what}`,
        'F6, RFC 9112 7.1.1',
        'Limpet drops extensions, so that it bounds them and looks for control bytes but does not parse them; their line ends at its CRLF for both.',
        oddExtension,
      ),
    ),
    accepts(
      side,
      LENGTH_WITH_CODING,
      'F8, RFC 9110 6.5.1',
      'llhttp reads framing fields in trailers as if they stood in the head; Limpet drops them there.',
      trailerHas(/^Content-Length:/i),
    ),
    accepts(
      side,
      'HPE_INVALID_TRANSFER_ENCODING Empty Transfer-Encoding',
      'F8, RFC 9110 6.5.1',
      'The same, for an empty Transfer-Encoding.',
      trailerHas(/^Transfer-Encoding:/i),
    ),
    accepts(
      side,
      'HPE_INVALID_VERSION Invalid HTTP version',
      'R3, RFC 9110 2.5',
      'HTTP/1.2 to 1.9 are read as 1.1, as the highest minor version that is understood.',
      (view) => /(?:^|\s)HTTP\/1\.[2-9](?:\s|$)/.test(view.line),
    ),
    differ(
      side,
      'keepAlive',
      'C1, RFC 9110 7.6.1',
      'Limpet reads an option of Connection up to a space or a semicolon, llhttp up to its comma; and close wins over keep-alive in HTTP/1.0, too.',
      (view) => oddOption(view) || hasOption(view, 'close'),
    ),
  ],
);
