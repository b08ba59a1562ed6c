// What one entry of the recorded requests is: what a client sends, what the app answers, and in which listed ways the two proxies then differ.

import type { Bytes } from '../kit/peer.ts';
import { OK, type Script } from '../kit/raw-upstream.ts';
import type { DifferenceId } from './differences.ts';

/** One thing a client does: sends bytes, or waits until a text has reached it or the upstream. */
export type Step = Bytes | { readonly client: string } | { readonly upstream: string } | 'half-close';

/**
 * What the app answers: bytes once the whole request came; the same in pieces, each sent only when the client has got the text
 * of the one before (which shows that nothing is held back), and a reset behind them where that is said; or a script for all else,
 * which sends no status of 400 or above.
 */
export type AppAnswer =
  | Bytes
  | { readonly pieces: readonly (readonly [bytes: Bytes, text: string])[]; readonly end?: 'reset' }
  | Script;

interface ShapeParts {
  /** Unique among all shapes. */
  readonly name: string;
  /** Default: 200 with a body of two bytes. */
  readonly answer?: AppAnswer;
  /** The listed differences that must show, beside those that show everywhere. */
  readonly differs?: readonly DifferenceId[];
}

/** Bytes as they were recorded. */
export interface WireShape extends ShapeParts {
  readonly send: Bytes | readonly Step[];
  /** Final answers to wait for; default 1. */
  readonly answers?: number;
  /** Methods of the requests; default that of the first word, for all. */
  readonly methods?: readonly string[];
}

/** What a call of a real client is given. */
export interface Call {
  /** `http://127.0.0.1:PORT`, the same through both proxies. */
  readonly url: string;
  /** Holds the files to send: `small.txt`, `large.bin`. */
  readonly folder: string;
}

/** A call of a real client; resolves to what it understood. */
export interface ClientShape extends ShapeParts {
  readonly call: (call: Call) => Promise<unknown>;
}

export type Shape = WireShape | ClientShape;

/** Shapes that belong together, one file each. */
export interface ShapeGroup {
  readonly title: string;
  readonly shapes: readonly Shape[];
}

/** The answer of the app where a shape gives none. */
export const DEFAULT_ANSWER = OK;

/** An answer of the app with a length: status line's rest, body, field lines. */
export function answer(status: string, body: string, ...lines: readonly string[]): string {
  const fields = [...lines, `Content-Length: ${body.length}`].map((line) => `${line}\r\n`).join('');
  return `HTTP/1.1 ${status}\r\n${fields}\r\n${body}`;
}

/** An answer of the app that is exactly these lines and this body. */
export function bareAnswer(status: string, lines: readonly string[], body = ''): string {
  return `HTTP/1.1 ${status}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
}

/** A chunk. */
export function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

/** A text of `length` bytes in which a lost or doubled piece shows. */
export function filler(length: number): string {
  let text = '';
  for (let i = 0; text.length < length; i++) text += `${i.toString(36)}.`;
  return text.slice(0, length);
}
