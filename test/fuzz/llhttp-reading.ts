// Messages as llhttp, the parser that Node carries, reads them with none of its leniencies: the second opinion.
import { createRequire } from 'node:module';
import type { Reading, ReadMessage } from './reading.ts';

interface LlhttpParser {
  initialize(type: number, resource: object, headBytesMax: number, leniencies: number): void;
  execute(bytes: Buffer): number | ParseError;
  finish(): undefined | ParseError;
  [callback: number]: unknown;
}

interface ParseError extends Error {
  readonly code: string;
  readonly reason: string;
}

interface LlhttpBinding {
  new (): LlhttpParser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

// Node has no public door to its parser and no types for this one; a server and a socket for each case would cost fifty
// times as much. `fuzz.test.ts` says what the parser must do, so that a Node that changes it is noticed.
const { HTTPParser, methods } = createRequire(import.meta.url)('node:_http_common') as {
  HTTPParser: LlhttpBinding;
  methods: string[];
};

/** The methods that llhttp knows: it refuses every other token. */
export const LLHTTP_METHODS: ReadonlySet<string> = new Set(methods);

/** Spelling of the method that llhttp calls `number`: QUERY comes behind those of RTSP, which are none here. */
function methodOf(number: number | undefined): string {
  return number === QUERY ? 'QUERY' : (methods[number ?? -1] ?? '?');
}
const QUERY = 46;

/** Larger than any head that is made here, so that the bound on heads is Limpet's alone. */
const HEAD_BYTES_MAX = 1 << 20;
const NO_LENIENCIES = 0;
const RESOURCE = {};

/** llhttp's answers about the body, by what the callback returns. */
const BODY_FOLLOWS = 0;
const NO_BODY = 1;

export class LlhttpReader {
  readonly #parser = new HTTPParser();
  #reading: Reading = { messages: [], end: 'waits', code: '' };
  #message: ReadMessage | null = null;
  #fields: string[] | null = null;
  #start = '';
  #toHead = false;
  #answers = false;

  constructor() {
    const parser = this.#parser;
    // Called for long heads in pieces, and for trailers.
    parser[HTTPParser.kOnHeaders] = (fields: string[], target: string) => {
      this.#fields = this.#fields === null ? fields : this.#fields.concat(fields);
      this.#start += target;
    };
    parser[HTTPParser.kOnHeadersComplete] = (
      _major: number,
      minor: number,
      fields: string[] | undefined,
      method: number | undefined,
      target: string | undefined,
      status: number | undefined,
      reason: string | undefined,
      upgrade: boolean,
      keepAlive: boolean,
    ) => {
      const start =
        status === undefined ? `${methodOf(method)} ${target ?? this.#start}` : `${status} ${reason ?? ''}`;
      const all = fields ?? this.#fields ?? [];
      this.#message = {
        start,
        minor: Math.min(minor, 1),
        fields: all,
        body: '',
        trailers: [],
        keepAlive,
        upgrade,
        complete: false,
        end: -1,
      };
      if (this.#reading.end === 'waits') this.#reading.messages.push(this.#message);
      this.#fields = null;
      this.#start = '';
      return this.#toHead ? NO_BODY : BODY_FOLLOWS;
    };
    parser[HTTPParser.kOnBody] = (bytes: Buffer) => {
      this.#message!.body += bytes.toString('latin1', 0, bytes.length);
    };
    parser[HTTPParser.kOnMessageComplete] = () => {
      const message = this.#message!;
      message.complete = true;
      message.trailers = this.#fields ?? [];
      this.#fields = null;
      this.#start = '';
      if (this.#reading.end !== 'waits') return;
      if (message.upgrade) this.#reading.end = 'upgraded';
      else if (this.#answers ? message.start[0] !== '1' : !message.keepAlive) this.#reading.end = 'closed';
    };
  }

  /** Reads requests, one behind the other. */
  requests(bytes: Buffer): Reading {
    return this.#read(HTTPParser.REQUEST, bytes, false);
  }

  /** Reads the answers to one request; with `ended`, the connection ends behind the last byte. */
  answer(bytes: Buffer, toHead: boolean, ended: boolean): Reading {
    this.#toHead = toHead;
    const reading = this.#read(HTTPParser.RESPONSE, bytes, ended);
    this.#toHead = false;
    return reading;
  }

  #read(type: number, bytes: Buffer, ended: boolean): Reading {
    const reading: Reading = { messages: [], end: 'waits', code: '' };
    this.#reading = reading;
    this.#message = null;
    this.#fields = null;
    this.#start = '';
    this.#answers = type === HTTPParser.RESPONSE;
    this.#parser.initialize(type, RESOURCE, HEAD_BYTES_MAX, NO_LENIENCIES);
    let result: unknown = this.#parser.execute(bytes);
    // Once an upgrade is asked for, Node keeps errors to itself and tells only how far it came.
    if (typeof result === 'number' && result < bytes.length && reading.end === 'waits') {
      reading.end = 'refused';
      reading.code = 'HPE_UPGRADE';
      return reading;
    }
    if (!(result instanceof Error) && ended && reading.end === 'waits') result = this.#parser.finish();
    if (result instanceof Error) this.#refuse(reading, result as ParseError);
    return reading;
  }

  #refuse(reading: Reading, error: ParseError): void {
    // Whatever comes behind the last message of a connection is not looked at by either.
    if (reading.end !== 'waits') return;
    reading.end = 'refused';
    reading.code = `${error.code} ${error.reason}`;
  }
}
