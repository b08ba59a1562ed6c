// How a class of difference is written down, and the looks at a message that say whether its reason is really there.
// biome-ignore-all lint/suspicious/noControlCharactersInRegex: control bytes are what is looked for.
import { type MessageView, trailerLines, walkChunks } from './message-view.ts';

export interface Explanation {
  readonly side: 'request' | 'response';
  /** The class, as `difference` names it; `*`: any difference in a message for which it holds. */
  readonly kind: string;
  readonly stricter: 'Limpet' | 'llhttp' | 'neither';
  /** The rule of Limpet's engine, or the section of the RFC, on which it rests. */
  readonly source: string;
  readonly why: string;
  /** Whether it is the reason here: a look at the message itself. */
  readonly holds: (view: MessageView) => boolean;
}

export const refuses = (
  side: Explanation['side'],
  code: string,
  source: string,
  why: string,
  holds: Explanation['holds'],
): Explanation => ({ side, kind: `limpet refuses ${side}.${code}`, stricter: 'Limpet', source, why, holds });

export const accepts = (
  side: Explanation['side'],
  code: string,
  source: string,
  why: string,
  holds: Explanation['holds'],
): Explanation => ({ side, kind: `llhttp refuses ${code}`, stricter: 'llhttp', source, why, holds });

export const differ = (
  side: Explanation['side'],
  aspect: string,
  source: string,
  why: string,
  holds: Explanation['holds'],
): Explanation => ({ side, kind: `differ in ${aspect}`, stricter: 'neither', source, why, holds });

export const ABSOLUTE = /^http:\/\//i;
export const authority = (target: string): string => target.replace(ABSOLUTE, '').split(/[/?]/)[0]!;
export const codings = (view: MessageView): string[] => view.values('Transfer-Encoding');
export const notJustChunked = (view: MessageView): boolean =>
  codings(view).length > 1 ||
  codings(view).some((coding) => coding.toLowerCase() !== 'chunked') ||
  view.lines.some((line) => /^Transfer-Encoding:.*\t *$/i.test(line));
export const badLength = (view: MessageView): boolean =>
  view.values('Content-Length').some((value) => !/^\d{1,15}$/.test(value));
export const chunkLine =
  (pattern: RegExp) =>
  (view: MessageView): boolean =>
    walkChunks(view.body).lines.some((line) => pattern.test(line));
export const extensionsOf = (view: MessageView): string[] =>
  walkChunks(view.body).lines.map((line) => line.replace(/^[0-9a-f]*/i, ''));
export const tooLargeExtensions = (view: MessageView): boolean => {
  const sizes = extensionsOf(view).map((extension) => extension.length);
  return sizes.some((size) => size > 256) || sizes.reduce((sum, size) => sum + size, 0) > 4096;
};
/** By the letter of RFC 9112 7.1.1, without its optional whitespace, which llhttp does not take either. */
export const EXTENSIONS =
  /^(?:;[\w!#$%&'*+.^`|~-]+(?:=(?:[\w!#$%&'*+.^`|~-]+|"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*"))?)*$/;
export const oddExtension = (view: MessageView): boolean =>
  extensionsOf(view).some((extension) => !EXTENSIONS.test(extension));
export const trailerHas =
  (pattern: RegExp) =>
  (view: MessageView): boolean =>
    trailerLines(view.body).some((line) => pattern.test(line));
export const tooManyOptions = (view: MessageView): boolean => view.elements('Connection').length > 64;
/** `close` or `keep-alive` with something behind it that is no list separator, which Limpet reads and llhttp does not. */
export const oddOption = (view: MessageView): boolean =>
  view.elements('Connection').some((option) => /^(?:close|keep-alive|upgrade)[ \t;]/i.test(option));
export const hasOption = (view: MessageView, option: string): boolean =>
  view.elements('Connection').some((element) => element.toLowerCase() === option);
export const upgradesNothing = (view: MessageView): boolean =>
  view.elements('Upgrade').every((protocol) => /^h2c$/i.test(protocol.split(/[ \t;]/)[0]!));

export const CLOSED = 'HPE_CLOSED_CONNECTION Data after `Connection: close`';
export const LENGTH_WITH_CODING =
  "HPE_INVALID_CONTENT_LENGTH Content-Length can't be present with Transfer-Encoding";
